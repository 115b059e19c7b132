package main

import (
	"bufio"
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn/mqtest"
)

const exerciseDefinitions = `
DEFINE QLOCAL(A)
DEFINE QLOCAL(CROWD)
DEFINE QLOCAL(SMALL) MAXDEPTH(2)
DEFINE CHANNEL(EXERCISE) CHLTYPE(SVRCONN) HBINT(5)
DEFINE CHANNEL(TLS) CHLTYPE(SVRCONN) HBINT(5) SSLCIPH(ANY_TLS12) SSLCAUTH(REQUIRED)
`

// The C library keeps its contract with every byte watched (testdata/exercise.c).
func TestLibraryKeepsItsContractUnderSanitizers(t *testing.T) {
	needCompiler(t)
	for name, flag := range map[string]string{"address and undefined": "-fsanitize=address,undefined", "thread": "-fsanitize=thread"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := buildExercise(t, flag, "-fno-sanitize-recover=all")
			qm := mqtest.New(t, mqtest.Options{MQSC: exerciseDefinitions, Users: map[string]string{"app": "passw0rd"}})
			address := listen(t)
			if err := qm.Serve(address); err != nil {
				t.Fatal(err)
			}
			closed := listen(t)
			_ = closed.Close()
			silent, beats := listen(t), make(chan int, 1)
			go func() { beats <- countBeats(silent) }()
			exercise(t, qm, program, cName(t, address), cName(t, closed), cName(t, silent))
			_ = silent.Close()
			if <-beats == 0 {
				t.Error("no heartbeat came from a client that waits")
			}
		})
	}
}

// exercise runs the program and kills the queue manager when it asks for that.
func exercise(t *testing.T, qm *mqtest.QueueManager, program string, addresses ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, addresses...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "waiting" {
			qm.Kill()
			continue
		}
		t.Error(lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, problems.Bytes())
	}
}

// countBeats plays a queue manager that answers MQCONNX and nothing else, to one client, and counts its heartbeats.
func countBeats(l net.Listener) (beats int) {
	const header, verb, connect, heartbeat = 32, 1, 1, 11
	conn, err := l.Accept()
	if err != nil {
		return 0
	}
	defer conn.Close()
	for words := make([]uint32, header/4); ; {
		if err := binary.Read(conn, binary.LittleEndian, words); err != nil {
			return beats
		}
		_, _ = io.CopyN(io.Discard, conn, int64(words[0])-header)
		switch words[verb] {
		case heartbeat:
			beats++
		case connect:
			words[0] = header + 56
			answer, _ := binary.Append(nil, binary.LittleEndian, words)
			answer = append(answer, make([]byte, 48)...)                                 // its name
			answer, _ = binary.Append(answer, binary.LittleEndian, []uint32{1 << 20, 1}) // longest message, HBINT
			_, _ = conn.Write(answer)
		}
	}
}

// buildExercise compiles the library with flags of the sanitizers, and the program against it.
func buildExercise(t *testing.T, flags ...string) string {
	t.Helper()
	cc, err := compiler()
	if err != nil {
		t.Fatal(err)
	}
	l, err := build(t.TempDir(), flags...)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "exercise")
	args := append([]string{"-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror"}, flags...)
	args = append(args, "-o", program, filepath.Join("testdata", "exercise.c"), "-pthread")
	args = append(args, strings.Fields(l.cFlags()+" "+l.linkFlags())...)
	cmd := exec.Command(cc, append(args, "-lmqm_r")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return program
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// cName is an address as MQCD.ConnectionName writes it.
func cName(t *testing.T, l net.Listener) string {
	t.Helper()
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return host + "(" + port + ")"
}

func TestSecondBuildComesFromTheCache(t *testing.T) {
	needCompiler(t)
	cache := t.TempDir()
	first, err := build(cache)
	if err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(first.dir, "mark")
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := build(cache)
	if err != nil || second != first {
		t.Errorf("got %+v, %v, want %+v", second, err, first)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Error("built again")
	}
	other, err := build(cache, "-DOTHER")
	if err != nil || other.dir == first.dir || other.cFlags() == first.cFlags() {
		t.Errorf("other flags gave %+v, %v", other, err)
	}
	if left, err := filepath.Glob(filepath.Join(cache, "building-*")); len(left) > 0 || err != nil {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// What mq-golang imports (nm -D of a program on it), and MQCONN, which C programs use.
const verbs = `MQBACK MQBEGIN MQCB MQCLOSE MQCMIT MQCONN MQCONNX MQCRTMH MQCTL MQDISC MQDLTMH MQDLTMP MQGET MQINQ MQINQMP MQOPEN
	MQPUT MQPUT1 MQSET MQSETMP MQSTAT MQSUB MQSUBRQ`

func TestLibraryExportsTheVerbsAndNothingElse(t *testing.T) {
	needCompiler(t)
	if runtime.GOOS != "linux" {
		t.Skip("ELF is looked into")
	}
	l, err := build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(filepath.Join(l.dir, "lib", "libmqm_r.so"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	var exported []string
	for _, s := range symbols {
		if s.Section != elf.SHN_UNDEF {
			exported = append(exported, s.Name)
		}
	}
	slices.Sort(exported)
	if want := strings.Fields(verbs); !slices.Equal(exported, want) {
		t.Errorf("exported are %q, want %q", exported, want)
	}
}
