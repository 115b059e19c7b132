//go:build unix

package sdnotify

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mqha/mqha/resource"
)

// hung is the socket of a systemd that does not read, with no room left in it.
func hung(t *testing.T) *net.UnixConn {
	t.Helper()
	conn := listen(t, filepath.Join(short(t), "notify"))
	filler, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address(conn), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer filler.Close()
	raw, err := filler.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	// Until there is no room: no deadline, which might be over before the write.
	if err := raw.Write(func(fd uintptr) bool {
		for err == nil || errors.Is(err, syscall.EINTR) {
			_, err = syscall.Write(int(fd), []byte("filler"))
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, syscall.EAGAIN) {
		t.Fatal(err)
	}
	return conn
}

func address(conn *net.UnixConn) string { return conn.LocalAddr().String() }

// The end of a service used to wait for each of 64 messages that a hung systemd did not take.
func TestHungSystemdHoldsUpTheEndForOneLimit(t *testing.T) {
	conn := hung(t)
	var ended atomic.Bool
	var tried []string
	late := 0 // of them after the end of the program
	h := newHost(Options{}, address(conn), 100*time.Millisecond)
	h.send = func(ctx context.Context, message string, limit time.Duration) error {
		tried = append(tried, message)
		if ended.Load() {
			late++
		}
		return h.write(ctx, message, limit)
	}
	ctx, stop := context.WithCancel(t.Context())
	err := h.run(ctx, resource.Program{Run: func(ctx context.Context, n resource.Notifier) error {
		for range 2 * maxQueue {
			n.Progress("works", 0)
		}
		n.Ready()
		stop()
		ended.Store(true)
		return errors.New("at last")
	}})
	if err == nil || err.Error() != "at last" {
		t.Errorf("Run: %v", err)
	}
	if late > 1+3 { // the one under way, and READY, STOPPING and the last STATUS
		t.Errorf("%d sends after the end: %q", late, tried)
	}
	text := strings.Join(tried, "\n")
	for _, want := range []string{"READY=1", "STOPPING=1", "STATUS=ended"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s was not tried: %q", want, tried)
		}
	}
}

// A READY=1 that a hung systemd did not take in 5 s was lost, and the service was killed for it when its start had
// taken too long.
func TestReadyIsSaidAgainUntilSystemdListens(t *testing.T) {
	conn := hung(t)
	tries, twice := 0, make(chan struct{})
	enough := sync.OnceFunc(func() { close(twice) })
	h := newHost(Options{}, address(conn), 10*time.Millisecond)
	h.send = func(ctx context.Context, message string, limit time.Duration) error {
		err := h.write(ctx, message, limit)
		if tries++; tries == 2 {
			enough()
		}
		return err
	}
	err := h.run(t.Context(), resource.Program{Run: func(ctx context.Context, n resource.Notifier) error {
		n.Ready()
		<-twice
		return readUntil(conn, "READY=1")
	}})
	if err != nil {
		t.Error(err)
	}
}
