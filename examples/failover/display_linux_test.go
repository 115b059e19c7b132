package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo terminal: what is written to screen can be read from keyboard.
func terminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs a pseudo terminal: %v", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("needs a pseudo terminal: %v", err)
	}
	return keyboard, screen
}

var (
	bar      = regexp.MustCompile(`durable +([0-9]+)% \|[^|]*\|`)
	lastLine = regexp.MustCompile(`(?m)^identical: 101 files, [0-9]+ bytes, [0-9.]+ s; re-sent 0 bytes$`)
)

func TestDemoShowsABarOnATerminal(t *testing.T) {
	t.Parallel()
	keyboard, screen := terminal(t)
	cmd := exec.Command(os.Args[0], "-source", smallSource(t), "-dir", t.TempDir(), "-faults=false", "-big", "8MiB", "-pace", "1s")
	cmd.Env = append(os.Environ(), playDemo+"=1", "TERM=xterm")
	cmd.Stdout = screen
	shown := make(chan string, 1)
	go func() {
		var text bytes.Buffer
		io.Copy(&text, keyboard) // fails when no process has the terminal open any more (EIO)
		shown <- text.String()
	}()
	err := cmd.Run()
	screen.Close()
	text := <-shown
	if err != nil {
		t.Fatalf("%v\n%q", err, text)
	}
	// A terminal is written to with CR LF.
	text = strings.ReplaceAll(text, "\r\n", "\n")
	moved := false
	for _, shown := range bar.FindAllStringSubmatch(text, -1) {
		moved = moved || shown[1] != "0"
	}
	if !moved || strings.Contains(text, "% durable") {
		t.Errorf("no bar that moves, or lines instead: %q", text)
	}
	if !lastLine.MatchString(text) || !strings.Contains(text, "submitted transfer") {
		t.Errorf("events and the last line should stand on lines of their own: %q", text)
	}
}
