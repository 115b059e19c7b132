//go:build unix

package sdnotify

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/resource"
)

// restarted is a systemd whose socket refuses for a while.
type restarted struct {
	mu      sync.Mutex
	refusal error // nil: it listens
	refused int
	heard   []string
}

func (d *restarted) send(_ context.Context, message string, _ time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refusal != nil {
		d.refused++
		return d.refusal
	}
	d.heard = append(d.heard, message)
	return nil
}

// answer sets what it answers from now on, and returns what it has refused and heard before.
func (d *restarted) answer(refusal error) (refused int, heard []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refusal = refusal
	return d.refused, d.heard
}

// A message that systemd's socket refused at once, and not by a time-out, was lost. For READY=1 the service was killed
// when its start had taken too long; for EXTEND_TIMEOUT_USEC although it had announced that it needs longer.
func TestWhatTheSocketRefusesIsSaidAgain(t *testing.T) {
	for _, refusal := range []error{syscall.ECONNREFUSED, syscall.ENOENT, syscall.ENOBUFS, syscall.EMFILE} {
		t.Run(refusal.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := restarted{refusal: refusal}
				var errs []error
				h := newHost(Options{OnError: func(err error) { errs = append(errs, err) }}, "somewhere", sendLimit)
				h.send = d.send
				ctx, stop := context.WithCancel(t.Context())
				err := h.run(ctx, resource.Program{Run: func(_ context.Context, n resource.Notifier) error {
					n.Progress("replays", time.Minute)
					time.Sleep(time.Minute + retryAfter/2)
					if refused, _ := d.answer(refusal); refused != 1+int(time.Minute/retryAfter) {
						t.Errorf("%d tries in a minute", refused)
					}
					n.Ready()
					stop()
					time.Sleep(retryAfter)
					d.answer(nil)
					time.Sleep(retryAfter)
					return nil
				}})
				_, heard := d.answer(nil)
				want := []string{"EXTEND_TIMEOUT_USEC=90000000", "READY=1\nSTATUS=ready", "STOPPING=1\nSTATUS=stopping"}
				if err != nil || !slices.Equal(heard, want) {
					t.Errorf("Run: %v; systemd heard %q", err, heard)
				}
				if len(errs) != 1 || !errors.Is(errs[0], refusal) {
					t.Errorf("told %d times: %.100v", len(errs), errs)
				}
			})
		})
	}
}

// The service was healthy when it said so; by the time systemd listens again it may hang.
func TestOldWatchdogMessageIsNotSaidAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := restarted{refusal: syscall.ECONNREFUSED}
		h := newHost(Options{}, "somewhere", sendLimit)
		h.send = d.send
		err := h.run(t.Context(), resource.Program{Run: func(context.Context, resource.Notifier) error {
			h.tell("WATCHDOG=1")
			time.Sleep(retryAfter + 1)
			h.recovered()
			synctest.Wait()
			d.answer(nil)
			time.Sleep(retryAfter)
			return nil
		}})
		if _, heard := d.answer(nil); err != nil || !slices.Equal(heard, []string{"STATUS=healthy again"}) {
			t.Errorf("Run: %v; systemd heard %q", err, heard)
		}
	})
}

// Sent again it would be refused again, for ever.
func TestMessageThatIsTooLongIsNotSaidAgain(t *testing.T) {
	conn := listen(t, filepath.Join(short(t), "notify"))
	long := "STATUS=" + strings.Repeat("x", 16<<20)
	tooLong := newHost(Options{}, address(conn), sendLimit).write(t.Context(), long, sendLimit)
	if !errors.Is(tooLong, syscall.EMSGSIZE) {
		t.Fatal(tooLong)
	}
	synctest.Test(t, func(t *testing.T) {
		d := restarted{refusal: tooLong}
		h := newHost(Options{}, "somewhere", sendLimit)
		h.send = d.send
		err := h.run(t.Context(), resource.Program{Run: func(context.Context, resource.Notifier) error {
			h.tell(long)
			time.Sleep(time.Minute)
			return nil
		}})
		if refused, _ := d.answer(nil); err != nil || refused != 1 {
			t.Errorf("Run: %v; %d tries", err, refused)
		}
	})
}

// With real sockets: systemd's is gone, or nobody holds it any longer, and comes back at the same address.
func TestReadyReachesASystemdThatIsRestarted(t *testing.T) {
	for _, c := range []struct {
		name    string
		before  func(t *testing.T, name string)
		refusal error
	}{
		{"gone", func(*testing.T, string) {}, syscall.ENOENT},
		{"dead", func(t *testing.T, name string) {
			conn := listen(t, name)
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
		}, syscall.ECONNREFUSED},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(short(t), "notify")
			c.before(t, name)
			refused := make(chan error, 1)
			h := newHost(Options{OnError: func(err error) { refused <- err }}, name, sendLimit)
			err := h.run(t.Context(), resource.Program{Run: func(_ context.Context, n resource.Notifier) error {
				n.Ready()
				if err := <-refused; !errors.Is(err, c.refusal) {
					return err
				}
				if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
					return err
				}
				return readUntil(listen(t, name), "READY=1")
			}})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// short makes a folder with a short name: the path of a socket has at most 107 bytes.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// listen makes systemd's socket. The test may close it before its end.
func listen(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return conn
}

// readUntil reads to the first message that begins with what is wanted.
func readUntil(conn *net.UnixConn, want string) error {
	buf := make([]byte, 4096)
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	for {
		size, err := conn.Read(buf)
		if err != nil || strings.HasPrefix(string(buf[:size]), want) {
			return err
		}
	}
}
