package lockfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A holder asks Lease.Err and is stopped before the system call that the answer was for. Its lock is
// dropped, as a file server does with the locks of a machine that is silent; another instance takes over;
// then the holder goes on. The call is made, nothing can prevent that. Each test says what it does to
// a state that is laid out as package layout_test.go does.

const lateDeadline = briefDeadline

// stoppingFence stops its own process after the lease has said yes.
type stoppingFence struct{ lease *Lease }

func (f stoppingFence) Err() error {
	if err := f.lease.Err(); err != nil {
		return err
	}
	// To this very thread: it takes the signal on its way out of the system call, and so does nothing more.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGSTOP)
}

var lateChunk = bytes.Repeat([]byte("chunk"), 1000)

// lateCalls are what the holder does under its guard: the names are those of its own epoch.
var lateCalls = map[string]func(layout, func() error) (any, error){
	"pwrite": func(y layout, guard func() error) (any, error) {
		f, err := os.OpenFile(y.part(), os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if err := guard(); err != nil {
			return nil, err
		}
		return f.WriteAt(lateChunk, 100)
	},
	"rename": func(y layout, guard func() error) (any, error) {
		if err := guard(); err != nil {
			return nil, err
		}
		return nil, os.Rename(y.part(), y.delivered())
	},
	"unlink": func(y layout, guard func() error) (any, error) {
		if err := guard(); err != nil {
			return nil, err
		}
		return nil, os.Remove(y.part())
	},
	"journal": func(y layout, guard func() error) (any, error) {
		f, err := os.OpenFile(y.journal(), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if err := guard(); err != nil {
			return nil, err
		}
		n, err := io.WriteString(f, journalLine("late"))
		return n, errors.Join(err, f.Sync())
	},
	// A takeover that is itself too late: the journal of a lower epoch gets its name after that of a higher one.
	"journal name": func(y layout, guard func() error) (any, error) {
		next := y.journal() + ".late"
		if err := os.WriteFile(next, []byte(journalLine("late")), 0o644); err != nil {
			return nil, err
		}
		if err := guard(); err != nil {
			return nil, err
		}
		return nil, os.Rename(next, y.journal())
	},
	"create": func(y layout, guard func() error) (any, error) {
		if err := guard(); err != nil {
			return nil, err
		}
		return nil, os.WriteFile(y.part()+".new", lateChunk, 0o644)
	},
}

// playLate is the holder: it makes its state, and then one call under a fence that stops it.
func playLate(call string) int {
	path := os.Getenv(pathVariable)
	self, err := identity("late")
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	d := &files{path: path, self: self, opts: Options{Heartbeat: childHeartbeat, Deadline: lateDeadline}}
	l, err := take(context.Background(), path, d, newClock(), true, nil)
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	y := layout{filepath.Dir(path), l.Epoch()}
	part := append(make([]byte, 100), lateChunk...)
	err = errors.Join(os.WriteFile(y.part(), part, 0o644), os.WriteFile(y.journal(), nil, 0o644), appendJournal(y.journal(), "one"))
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	fmt.Println("epoch", l.Epoch())
	n, err := lateCalls[call](y, func() error {
		return errors.Join(unlock(d.f), stoppingFence{l}.Err()) // unlock: what the server does while we are stopped
	})
	fmt.Println("late", n, errno(err))
	fmt.Println("err", l.Err())
	return 0
}

func errno(err error) string {
	var no syscall.Errno
	if errors.As(err, &no) {
		return unix.ErrnoName(no)
	}
	return fmt.Sprint(err)
}

// lateCall lets a holder make a call after after, which gets the successor's layout. It returns the result.
func lateCall(t *testing.T, call string, after func(layout)) (result string, y layout) {
	t.Helper()
	t.Parallel()                                     // most of the time passes in waiting
	path := filepath.Join(memoryDir(t), "agent.lck") // a disk that is busy for lateDeadline would end the lease too early
	holder := startProcess(t, "late "+call, path)
	epoch := holder.epoch()
	awaitStop(t, holder.cmd.Process.Pid)
	o := quick()
	l := mustTake(t, path, o)
	if l.Epoch() <= epoch {
		t.Fatalf("epoch %d after %d", l.Epoch(), epoch)
	}
	y = layout{filepath.Dir(path), l.Epoch()}
	if err := y.takeOver(); err != nil {
		t.Fatal(err)
	}
	if after != nil {
		after(y)
	}
	<-time.After(lateDeadline + lateDeadline/10) // time itself is what has to pass here
	if err := holder.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	result = holder.read("late")
	if err := holder.read("err"); !strings.Contains(err, "is lost") {
		t.Errorf("after the late call: %s", err)
	}
	if err := l.Verify(t.Context()); err != nil {
		t.Errorf("the successor: %v", err)
	}
	return result, y
}

func mustDeliver(t *testing.T, y layout) {
	t.Helper()
	if err := os.Rename(y.part(), y.delivered()); err != nil {
		t.Fatal(err)
	}
}

func expectContent(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, %v, want %d", path, len(got), err, len(want))
	}
}

func expectJournal(t *testing.T, y layout, want ...string) {
	t.Helper()
	next := layout{y.dir, y.epoch + 1} // what the instance after this one reads
	if err := next.takeOver(); err != nil {
		t.Fatal(err)
	}
	if got, err := readJournal(next.journal()); err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the journal is %q, %v, want %q", got, err, want)
	}
}

var wholePart = append(make([]byte, 100), lateChunk...)

func TestLatePwriteWritesTheSameBytes(t *testing.T) {
	for name, after := range map[string]func(*testing.T, layout){
		"into the part":           func(*testing.T, layout) {},
		"into the delivered file": mustDeliver,
		"into a file that is gone": func(t *testing.T, y layout) {
			if err := os.Remove(y.part()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			result, y := lateCall(t, "pwrite", func(y layout) { after(t, y) })
			if result != fmt.Sprint(len(lateChunk), " <nil>") {
				t.Errorf("the late call: %s", result)
			}
			switch name {
			case "into the part":
				expectContent(t, y.part(), wholePart)
			case "into the delivered file":
				expectContent(t, y.delivered(), wholePart)
			default:
				if left, err := filepath.Glob(filepath.Join(y.dir, "*.part")); err != nil || len(left) > 0 {
					t.Errorf("left %q, %v", left, err)
				}
			}
			expectJournal(t, y, "one")
		})
	}
}

func TestLateRenameFindsNothing(t *testing.T) {
	for name, after := range map[string]func(*testing.T, layout){
		"while the successor goes on": func(*testing.T, layout) {},
		"after it has delivered and a consumer has put something else there": func(t *testing.T, y layout) {
			mustDeliver(t, y)
			if err := os.WriteFile(y.delivered(), []byte("next"), 0o644); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			result, y := lateCall(t, "rename", func(y layout) { after(t, y) })
			if result != "<nil> ENOENT" {
				t.Errorf("the late call: %s", result)
			}
			if name == "while the successor goes on" {
				expectContent(t, y.part(), wholePart)
				if _, err := os.Lstat(y.delivered()); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("delivered: %v", err)
				}
			} else {
				expectContent(t, y.delivered(), []byte("next"))
			}
			expectJournal(t, y, "one")
		})
	}
}

func TestLateUnlinkFindsNothing(t *testing.T) {
	result, y := lateCall(t, "unlink", nil)
	if result != "<nil> ENOENT" {
		t.Errorf("the late call: %s", result)
	}
	expectContent(t, y.part(), wholePart)
	expectJournal(t, y, "one")
}

func TestLateJournalEntryIsNotRead(t *testing.T) {
	result, y := lateCall(t, "journal", func(y layout) {
		if err := appendJournal(y.journal(), "two"); err != nil {
			t.Fatal(err)
		}
	})
	if result != fmt.Sprint(len(journalLine("late")), " <nil>") {
		t.Errorf("the late call: %s", result)
	}
	expectContent(t, y.part(), wholePart)
	expectJournal(t, y, "one", "two")
}

func TestLateJournalNameIsNotRead(t *testing.T) {
	result, y := lateCall(t, "journal name", nil)
	if result != "<nil> <nil>" {
		t.Errorf("the late call: %s", result)
	}
	expectJournal(t, y, "one")
}

func TestLateFileIsBesideTheSuccessors(t *testing.T) {
	result, y := lateCall(t, "create", nil)
	if result != "<nil> <nil>" {
		t.Errorf("the late call: %s", result)
	}
	expectContent(t, y.part(), wholePart)
	expectJournal(t, y, "one")
}
