//go:build lab && linux

package lockfile

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/need"
)

// Real network file systems, in network namespaces of their own. Needs root and the Debian packages iproute2,
// glusterfs-server, glusterfs-client, sshfs and openssh-sftp-server.

func mustRun(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// helperAt is the other process of a Check in another mount of the same directory.
func helperAt(dir string) func() *exec.Cmd {
	return func() *exec.Cmd {
		c := exec.Command("/bin/sh", "-c", `cd "$1" && exec "$2"`, "sh", dir, os.Args[0])
		c.Env = append(os.Environ(), roleVariable+"="+roleHelper)
		c.Stderr = os.Stderr
		return c
	}
}

func TestCheckSaysThatSshfsCannotCarryALock(t *testing.T) {
	need.Root(t, "mounts")
	need.Program(t, "sshfs", "sshfs")
	need.Program(t, "fusermount3", "fuse3")
	const server = "/usr/lib/openssh/sftp-server"
	if _, err := os.Stat(server); err != nil {
		need.Missing(t, "%s is not there: package openssh-sftp-server", server)
	}
	backing := t.TempDir()
	noNetwork := filepath.Join(t.TempDir(), "ssh") // sshfs starts it in place of ssh
	if err := os.WriteFile(noNetwork, []byte("#!/bin/sh\nexec "+server+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	var dirs [2]string
	for i := range dirs {
		dirs[i] = t.TempDir()
		mustRun(t, "sshfs", "-o", "ssh_command="+noNetwork, "host:"+backing, dirs[i])
		t.Cleanup(func() { mustRun(t, "umount", "-l", dirs[i]) }) // lazily: FUSE releases files after close has returned
	}
	r, err := check(t.Context(), dirs[0], helperAt(dirs[1]), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", r)
	if r.Verdict != Cannot || r.FileSystem != "fuse.sshfs" || r.finding(t, "two processes exclude each other").OK {
		t.Errorf("%s", r)
	}
	// Through one mount every lock is good, and the verdict is the same.
	r, err = check(t.Context(), dirs[0], helperCommand(roleHelper), patience)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != Cannot || !r.finding(t, "two processes exclude each other").OK {
		t.Errorf("%s", r)
	}
}

// gluster is a server with one volume, and two clients, each in a namespace.
type gluster struct {
	t      *testing.T
	name   string // of everything that it makes
	brick  string
	socket string
	mounts [2]string

	mountOptions string
}

func (g *gluster) ns(i int) string { return fmt.Sprintf("%s%d", g.name, i) } // 0 is the server

func startGluster(t *testing.T, mountOptions string, options ...string) *gluster {
	t.Helper()
	need.Root(t, "network namespaces and mounts")
	for program, pkg := range map[string]string{"ip": "iproute2", "nsenter": "util-linux", "glusterd": "glusterfs-server",
		"gluster": "glusterfs-server", "mount.glusterfs": "glusterfs-client"} {
		need.Program(t, program, pkg)
	}
	g := &gluster{t: t, name: fmt.Sprintf("lk%d-", os.Getpid()), brick: t.TempDir(), mountOptions: mountOptions}
	work := t.TempDir()
	g.socket = filepath.Join(work, "socket")
	for i := range 3 {
		mustRun(t, "ip", "netns", "add", g.ns(i))
		t.Cleanup(func() { exec.Command("ip", "netns", "del", g.ns(i)).Run() })
		g.in(i, "ip", "link", "set", "lo", "up")
	}
	g.in(0, "ip", "link", "add", "bridge", "type", "bridge")
	g.in(0, "ip", "addr", "add", "10.101.17.1/24", "dev", "bridge")
	g.in(0, "ip", "link", "set", "bridge", "up")
	for i := 1; i < 3; i++ {
		port := fmt.Sprintf("port%d", i)
		g.in(0, "ip", "link", "add", port, "type", "veth", "peer", "name", "net", "netns", g.ns(i))
		g.in(0, "ip", "link", "set", port, "master", "bridge", "up")
		g.in(i, "ip", "addr", "add", fmt.Sprintf("10.101.17.%d/24", i+1), "dev", "net")
		g.in(i, "ip", "link", "set", "net", "up")
	}
	volfile := filepath.Join(work, "glusterd.vol")
	err := os.WriteFile(volfile, fmt.Appendf(nil, `volume management
    type mgmt/glusterd
    option working-directory %s/glusterd
    option run-directory %s/run
    option transport-type socket
    option glusterd-sockfile %s
end-volume
`, work, work, g.socket), 0o600)
	err = errors.Join(err, os.Mkdir(filepath.Join(work, "run"), 0o700), os.Mkdir(filepath.Join(work, "glusterd"), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command("nsenter", "--net=/run/netns/"+g.ns(0), "glusterd", "-N", "-f", volfile, "-l", filepath.Join(work, "log"),
		"-p", filepath.Join(work, "pid"))
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		exec.Command("gluster", "--glusterd-sock="+g.socket, "--mode=script", "volume", "stop", "v", "force").Run()
		daemon.Process.Kill()
		daemon.Wait()
	})
	g.awaitServer()
	g.cli("volume", "create", "v", "10.101.17.1:"+g.brick, "force")
	for i := 0; i < len(options); i += 2 {
		g.cli("volume", "set", "v", options[i], options[i+1])
	}
	g.cli("volume", "start", "v")
	for i := range g.mounts {
		g.mounts[i] = t.TempDir()
		g.mount(i)
		t.Cleanup(func() { exec.Command("umount", "-l", g.mounts[i]).Run() })
	}
	return g
}

func (g *gluster) mount(i int) {
	g.t.Helper()
	g.in(i+1, "mount", "-t", "glusterfs", "-o", g.mountOptions+"log-file="+filepath.Join(filepath.Dir(g.socket), g.ns(i+1)+".log"), "10.101.17.1:/v", g.mounts[i])
}

func (g *gluster) in(i int, args ...string) {
	g.t.Helper()
	mustRun(g.t, "nsenter", append([]string{"--net=/run/netns/" + g.ns(i)}, args...)...)
}

func (g *gluster) cli(args ...string) {
	g.t.Helper()
	g.in(0, append([]string{"gluster", "--glusterd-sock=" + g.socket, "--mode=script", "--log-file=/dev/null"}, args...)...)
}

// awaitServer asks until the server answers: it says so nowhere.
func (g *gluster) awaitServer() {
	g.t.Helper()
	for began := time.Now(); ; {
		out, err := exec.Command("nsenter", "--net=/run/netns/"+g.ns(0), "gluster", "--glusterd-sock="+g.socket, "--log-file=/dev/null",
			"volume", "list").CombinedOutput()
		if err == nil {
			return
		}
		if time.Since(began) > time.Minute {
			g.t.Fatalf("glusterd does not answer: %s", out)
		}
	}
}

// link cuts the machine of a mount off, or heals it.
func (g *gluster) link(i int, state string) {
	g.t.Helper()
	g.in(0, "ip", "link", "set", fmt.Sprintf("port%d", i+1), state)
}

// awaitClient asks until a machine that was cut off is connected again.
func (g *gluster) awaitClient(i int) {
	g.t.Helper()
	for began := time.Now(); ; {
		_, err := os.Stat(filepath.Join(g.mounts[i], fmt.Sprint("no-", time.Now().UnixNano()))) // a new name is in no cache
		if errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Since(began) > time.Minute {
			g.t.Fatalf("the client does not come back: %v", err)
		}
	}
}

// quickRelease makes the server notice a client that is gone, and the client that it is cut off.
var quickRelease = []string{"network.ping-timeout", "2", "server.tcp-user-timeout", "3", "server.keepalive-time", "1",
	"server.keepalive-interval", "1", "server.keepalive-count", "2"}

const noCachesInMount = "attribute-timeout=0,entry-timeout=0,direct-io-mode=enable,"

// noCaches, with noCachesInMount, makes what one machine writes under the lock visible to the next one that has it.
var noCaches = []string{"performance.quick-read", "off", "performance.io-cache", "off", "performance.stat-prefetch", "off",
	"performance.open-behind", "off", "performance.read-ahead", "off", "performance.write-behind", "off"}

func TestGlusterWithItsCachesLosesUpdatesUnderTheLock(t *testing.T) {
	g := startGluster(t, "", append(quickRelease, "client.strict-locks", "on")...)
	r, err := Check(t.Context(), g.mounts[0], helperAt(g.mounts[1]))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", r)
	if r.Verdict != Cannot || r.finding(t, "what is written under the lock is seen").OK {
		t.Errorf("%s", r)
	}
}

func TestGlusterCarriesALockBetweenTwoMachines(t *testing.T) {
	g := startGluster(t, noCachesInMount, slices.Concat(quickRelease, noCaches, []string{"client.strict-locks", "on"})...)
	r, err := Check(t.Context(), g.mounts[0], helperAt(g.mounts[1]))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", r)
	if r.Verdict != OnlyWith || r.FileSystem != "fuse.glusterfs" || r.Local {
		t.Errorf("%s", r)
	}
	checkBetweenMachines(t, g)
}

// checkBetweenMachines runs the command on both: each has its own network and its own name, and what the two say to each
// other goes over the wire.
func checkBetweenMachines(t *testing.T, g *gluster) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "lockcheck")
	mustRun(t, "go", "build", "-o", program, "../examples/lockcheck")
	listener := exec.Command("nsenter", "--net=/run/netns/"+g.ns(2), "unshare", "--uts", "sh", "-c", `hostname other && exec "$@"`, "sh",
		program, "-listen", "10.101.17.3:0", g.mounts[1])
	out, err := listener.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Start(); err != nil {
		t.Fatal(err)
	}
	defer listener.Wait()
	defer listener.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		t.Fatalf("%q, %v", line, err)
	}
	peer := exec.Command("nsenter", "--net=/run/netns/"+g.ns(1), program, "-json", "-peer", address, g.mounts[0])
	peer.Stderr = os.Stderr
	text, err := peer.Output()
	var r Report
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	t.Logf("\n%s", &r)
	if r.Verdict != OnlyWith || len(r.Hosts) != 2 || r.Hosts[1] != "other" || strings.Contains(r.String(), "two of the machines") {
		t.Errorf("%s", &r)
	}
}

// TestGlusterHolderThatWasCutOffDoesNoHarm: it writes while it is cut off, into pages that are flushed after another
// machine has taken over and the first one is back, and then once more. All of that is done, without a lock. Only with
// client.strict-locks the descriptor that had the lock stays unusable; without it a late heartbeat, too, gets through
// to the disk, and the successor writes its own record again.
func TestGlusterHolderThatWasCutOffDoesNoHarm(t *testing.T) {
	for strict, lateBeat := range map[string]string{"off": "<nil> <nil>", "on": "<nil> EBADFD"} {
		t.Run("strict locks "+strict, func(t *testing.T) {
			g := startGluster(t, "", append(quickRelease, "client.strict-locks", strict)...)
			holder := startProcess(t, roleDirty, filepath.Join(g.mounts[0], "agent.lck"))
			first := holder.epoch()
			cut := time.Now()
			g.link(0, "down")
			holder.say("write")
			expectAnswer(t, holder, "written", "<nil> <nil>")
			l, granted := takeOverAfter(t, g, cut, first)
			defer mustRelease(t, l)
			y := layout{g.mounts[1], l.Epoch()}
			if err := errors.Join(y.takeOver(), appendJournal(y.journal(), "two")); err != nil {
				t.Fatal(err)
			}
			mustDeliver(t, y)
			expectLostBefore(t, holder, granted)
			g.link(0, "up")
			g.awaitClient(0)
			holder.say("write") // it does not ask Err, as one that was stopped before the call
			expectAnswer(t, holder, "written", "<nil> <nil>")
			holder.say("flush")
			expectAnswer(t, holder, "flushed", "<nil> <nil> <nil> <nil>")
			holder.say("beat")
			expectAnswer(t, holder, "beaten", lateBeat)
			if err := l.Verify(t.Context()); err != nil {
				t.Errorf("the successor: %v", err)
			}
			expectOnBrick(t, g.brick, first, l.Epoch())
		})
	}
}

// expectOnBrick reads what counts, the server's own disk.
func expectOnBrick(t *testing.T, brick string, first, second uint64) {
	t.Helper()
	old, y := layout{brick, first}, layout{brick, second}
	expectContent(t, y.delivered(), wholePart)
	expectContent(t, y.journal(), []byte(journalLine("one")+journalLine("two")))
	expectContent(t, old.journal(), []byte(journalLine("one")+journalLine("late")+journalLine("late"))) // which nobody reads
	if parts, err := filepath.Glob(filepath.Join(brick, ".x.*")); err != nil || len(parts) > 0 {
		t.Errorf("parts %q, %v", parts, err)
	}
	content, err := os.ReadFile(filepath.Join(brick, "agent.lck"))
	if err != nil {
		t.Fatal(err)
	}
	newest, other, err := parseRecord(content)
	if err != nil || len(content) > fileSize || !slices.Contains(parseClaims(content), second) || newest.Epoch != second || other.Epoch != second || newest.Instance != other.Instance {
		t.Errorf("the record: %+v, %+v, %d bytes, %v", newest, other, len(content), err)
	}
	expectJournal(t, y, "one", "two")
}

func expectAnswer(t *testing.T, p *process, word, want string) {
	t.Helper()
	if got := p.read(word); got != want {
		t.Errorf("%s: %s, want %s", word, got, want)
	}
}

// takeOverAfter takes the lock on the second machine with default options, as the first one had it.
func takeOverAfter(t *testing.T, g *gluster, cut time.Time, first uint64) (l *Lease, granted time.Time) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	acquired := make(chan time.Time, 1)
	l, err := Acquire(ctx, filepath.Join(g.mounts[1], "agent.lck"), Options{OnEvent: func(e Event) {
		if e.Kind == Acquired {
			acquired <- e.Time
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	granted = <-acquired
	t.Logf("taken over %v after the first machine was gone", granted.Sub(cut).Round(10*time.Millisecond))
	if l.Epoch() <= first {
		t.Errorf("epoch %d after %d", l.Epoch(), first)
	}
	return l, granted
}

// expectLostBefore is what the default deadline on this file system is for: no two believe in a lease.
func expectLostBefore(t *testing.T, holder *process, granted time.Time) {
	t.Helper()
	holder.say("loss")
	at, why, _ := strings.Cut(holder.read("loss"), " ")
	nanoseconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || !strings.Contains(why, "is lost") {
		t.Fatalf("the holder: %s %s", at, why)
	}
	early := granted.Sub(time.Unix(0, nanoseconds))
	t.Logf("lost %v before: %s", early.Round(10*time.Millisecond), why)
	if early < 0 {
		t.Errorf("two believed in a lease for %v", -early)
	}
}

// TestGlusterReleasesTheLockOfAMachineThatIsOff as it comes, and with the settings that Check asks for.
func TestGlusterReleasesTheLockOfAMachineThatIsOff(t *testing.T) {
	for _, row := range []struct {
		name, mount string
		options     []string
	}{
		{"with caches", "", quickRelease},
		{"without caches", noCachesInMount, slices.Concat(quickRelease, noCaches, []string{"client.strict-locks", "on"})},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := startGluster(t, row.mount, row.options...)
			holder := startProcess(t, roleDirty, filepath.Join(g.mounts[0], "agent.lck"))
			first := holder.epoch()
			off := time.Now()
			g.link(0, "down")
			mustRun(t, "umount", "-l", g.mounts[0])
			l, granted := takeOverAfter(t, g, off, first)
			mustRelease(t, l)
			expectLostBefore(t, holder, granted)
		})
	}
}
