package ocf

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"time"

	"github.com/mqha/mqha/resource"
	"golang.org/x/sys/unix"
)

// daemon runs a Program and answers the actions. It is the Program's Notifier.
type daemon struct {
	ctx  context.Context // of the Program and its check
	stop context.CancelFunc

	mu      sync.Mutex
	now     reply
	changed chan struct{} // closed at each change of now
	healthy func(context.Context) error
	asking  bool // a check has not returned
}

// serve is the life of the daemon. announce tells whoever started it that it can be asked.
func (a *action) serve(m meeting, p resource.Program, announce func() error) error {
	lock, err := m.hold()
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(lock) // released by the end of the process and not a moment earlier
	out, err := m.openOut()
	if err != nil {
		return err
	}
	listener, err := m.listen()
	if err != nil {
		return errors.Join(err, out.Close())
	}
	signalled, forget := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer forget() // and not earlier: a second signal would kill
	ctx, stop := context.WithCancel(signalled)
	defer stop()
	d := &daemon{ctx: ctx, stop: stop, now: reply{State: starting}, changed: make(chan struct{})}
	var helpers sync.WaitGroup
	over := make(chan struct{})
	helpers.Go(func() { m.watchOut(out, over) })
	helpers.Go(func() { m.watchLock(lock, over, stop) })
	helpers.Go(func() { d.accept(listener, over, &helpers) })
	if err = announce(); err != nil {
		err = fmt.Errorf("nobody waits for this start any more: %w", err)
	} else {
		err = p.Run(ctx, d)
	}
	stop() // also when it ended by itself: nothing waits for a check of what has ended
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.Name, err)
	}
	err = errors.Join(err, m.sayFarewell(lock, d.end(err, codeOf(err, a.Code, Generic))), listener.Close())
	close(over)
	helpers.Wait()
	return errors.Join(err, out.Close())
}

// sayFarewell: who asks from now on finds it in the file, as an answer would race with the end. Nobody asks a
// daemon without its directory, and at its name a successor may have made one.
func (m meeting) sayFarewell(lock *os.File, last reply) error {
	if m.lostName(lock) {
		return nil
	}
	text, err := json.Marshal(last)
	if err != nil {
		return err
	}
	return os.WriteFile(m.farewell(), text, 0o600)
}

// acceptAgain is the time between two tries of accept(2) when it fails.
const acceptAgain = 100 * time.Millisecond

// accept serves whoever asks until the listener is closed. A process that is short of descriptors or memory
// for a while must not be deaf for the rest of its life.
func (d *daemon) accept(listener net.Listener, over <-chan struct{}, helpers *sync.WaitGroup) {
	for {
		conn, err := listener.Accept()
		switch {
		case err == nil:
			helpers.Go(func() { d.converse(conn) })
		case errors.Is(err, net.ErrClosed):
			return
		default:
			select {
			case <-time.After(acceptAgain):
			case <-over:
			}
		}
	}
}

// listen opens the socket; the directory lets nobody else in. It is left there at the end, see sayFarewell.
func (m meeting) listen() (net.Listener, error) {
	if err := os.Remove(m.socket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: m.socket(), Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false)
	if err := os.Chmod(m.socket(), 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// end is the last change.
func (d *daemon) end(err error, code Code) reply {
	last := reply{State: ended, Code: code}
	if err != nil {
		last.Error = err.Error()
	}
	d.change(func(r *reply) { *r = last })
	return last
}

func (d *daemon) change(do func(*reply)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do(&d.now)
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *daemon) state() (reply, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now, d.changed
}

// Ready lets start return.
func (d *daemon) Ready() {
	d.change(func(r *reply) {
		if r.State == starting {
			r.State, r.Progress = ready, ""
		}
	})
}

// Progress shows up in the log of a start that waits. OCF knows no way to ask for more time.
func (d *daemon) Progress(what string, _ time.Duration) {
	d.change(func(r *reply) { r.Progress = what })
}

// Healthy sets what monitor with depth 10 asks.
func (d *daemon) Healthy(check func(context.Context) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.healthy = check
}

// patience bounds how long the daemon waits for an action that neither speaks nor listens.
const patience = 5 * time.Second

func (d *daemon) converse(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	var r request
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &r) != nil {
		return
	}
	switch r.Ask {
	case "status":
		now, _ := d.state()
		if now.State == ready && r.Level >= 10 {
			if err := d.ask(r.Limit); err != nil {
				now.Error = err.Error()
			}
		}
		_ = say(conn, now)
	case "follow":
		for {
			now, changed := d.state()
			if say(conn, now) != nil || now.State == ready || now.State == ended {
				return
			}
			<-changed
		}
	case "stop":
		d.change(func(r *reply) {
			if r.State != ended {
				r.State = stopping
			}
		})
		d.stop()
		now, _ := d.state()
		_ = say(conn, now)
	}
}

func say(conn net.Conn, r reply) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err = conn.Write(append(line, '\n'))
	return err
}

// ask runs the Program's check, one at a time: a check that hangs is not asked again beside itself. It ends
// with the Program's context; one that does not heed it is the one thing that the end of the daemon does not
// wait for.
func (d *daemon) ask(limit time.Duration) error {
	d.mu.Lock()
	check := d.healthy
	if check == nil || d.asking {
		defer d.mu.Unlock()
		if d.asking {
			return errors.New("an earlier check has not returned")
		}
		return nil
	}
	d.asking = true
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(d.ctx, limit)
	answer := make(chan error, 1)
	go func() {
		defer cancel()
		err := check(ctx)
		d.mu.Lock()
		d.asking = false
		d.mu.Unlock()
		answer <- err
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		select {
		case err := <-answer: // cancel comes just after it
			return err
		default:
		}
		if d.ctx.Err() != nil {
			return errors.New("the program is told to stop")
		}
		return fmt.Errorf("the check has not returned within %v", limit)
	}
}
