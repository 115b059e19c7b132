//go:build unix

package sdnotify

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/resource"
)

// What is left when the service ends shares one limit, however much it is.
func TestAllThatIsSaidAtTheEndSharesOneLimit(t *testing.T) {
	h := newHost(Options{}, "somewhere", sendLimit)
	first, over := make(chan struct{}), false
	var total time.Duration
	var late []string
	h.send = func(ctx context.Context, message string, limit time.Duration) error {
		if !over {
			if limit != sendLimit {
				t.Errorf("%q: %v", message, limit)
			}
			close(first)
			<-ctx.Done()
			over = true
			return os.ErrDeadlineExceeded
		}
		total += limit
		late = append(late, message)
		return os.ErrDeadlineExceeded
	}
	ctx, stop := context.WithCancel(t.Context())
	err := h.run(ctx, resource.Program{Run: func(ctx context.Context, n resource.Notifier) error {
		n.Progress("works", 0)
		<-first // and is stuck
		n.Ready()
		stop()
		return errors.New("at last")
	}})
	if err == nil || total > sendLimit || len(late) != 3 {
		t.Errorf("Run: %v; %v for %q", err, total, late)
	}
	if text := strings.Join(late, "\n"); !strings.Contains(text, "READY=1") || !strings.Contains(text, "STOPPING=1") || !strings.Contains(text, "STATUS=ended: at last") {
		t.Errorf("tried: %q", late)
	}
}

// The end of the service came on top of the 5 s of a send under way.
func TestEndCutsTheSendUnderWay(t *testing.T) {
	conn := hung(t)
	h := newHost(Options{}, address(conn), time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.send(ctx, "STATUS=works", h.limit) }()
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		if err := conn.Close(); err != nil { // which ends it
			t.Error(err)
		}
		<-done
		t.Error("it goes on")
	}
}
