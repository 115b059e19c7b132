package ocf

import (
	"bufio"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestCheckIsNotAskedBesideItself(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	r.abandonedCheck()
	asked := filepath.Join(r.state, "asked")
	if err := os.Remove(asked); err != nil {
		t.Fatal(err)
	}
	if out := r.act(Generic, "monitor", deep); !strings.Contains(out, "an earlier check has not returned") {
		t.Errorf("it says %q", out)
	}
	if _, err := os.Stat(asked); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was asked again: %v", err)
	}
}

// Not an error: the cluster manager would count it as a failure of a resource that was stopped.
func TestMonitorOfADaemonThatEndsMeanwhileIsNotRunning(t *testing.T) {
	for name, last := range map[string]func(lock *os.File, conn net.Conn) error{
		"without a word": func(lock *os.File, _ net.Conn) error { return lock.Close() },
		"and says so":    func(_ *os.File, conn net.Conn) error { return say(conn, reply{State: ended, Error: "lost"}) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			if err := os.Mkdir(r.m.dir, 0o700); err != nil {
				t.Fatal(err)
			}
			lock, err := r.m.hold() // this process plays the daemon
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Close()
			listener, err := r.m.listen()
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			played := make(chan error, 1)
			go func() {
				conn, err := listener.Accept()
				if err == nil {
					_, err = bufio.NewReader(conn).ReadBytes('\n')
					err = errors.Join(err, last(lock, conn), conn.Close())
				}
				played <- err
			}()
			r.act(NotRunning, "monitor")
			if err := <-played; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStartThatHearsNothingSaysWhy(t *testing.T) {
	r := newRig(t)
	r.act(Success, "start")
	if err := os.Remove(r.m.socket()); err != nil {
		t.Fatal(err)
	}
	out := r.act(Generic, "start", timeout("2000"))
	// Two thirds of a second may be too little to stop in good order: that it stops so is for others to show.
	if !strings.Contains(out, "not ready within 2s (dial unix "+r.m.socket()) || !strings.Contains(out, "told to stop") && !strings.Contains(out, "killed") {
		t.Errorf("it says %q", out)
	}
	r.ends()
}

func TestDaemonIsPatientForFiveSeconds(t *testing.T) {
	for name, behave := range map[string]func(net.Conn) error{
		"says nothing":  func(net.Conn) error { return nil },
		"does not read": func(conn net.Conn) error { return send(conn, request{Ask: "status"}) },
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &daemon{now: reply{State: ready}, changed: make(chan struct{})}
			here, there := net.Pipe()
			done := make(chan struct{})
			begun := time.Now()
			go func() {
				defer close(done)
				d.converse(there)
			}()
			if err := behave(here); err != nil {
				t.Error(err)
			}
			select {
			case <-done:
			case <-time.After(time.Hour):
				t.Errorf("%s: it waits for ever", name)
			}
			if took := time.Since(begun); took != patience {
				t.Errorf("%s: it waited %v", name, took)
			}
			if err := here.Close(); err != nil {
				t.Error(err)
			}
			<-done
		})
	}
}
