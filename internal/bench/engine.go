package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/mqha/mqha/transfer"
)

// The agents.
const (
	sender   = "SENDER"
	receiver = "RECEIVER"
)

// frameBytes is the default of transfer.Options.
const frameBytes = 256 << 10

// transferID is the same in every run: a child that goes on with a transfer has to know it.
var transferID = transfer.ID{1}

// alone is a Fence for a process that has no standby.
type alone struct{ epoch uint64 }

func (a alone) Epoch() uint64 { return a.epoch }
func (alone) Err() error      { return nil }

// open opens one side.
func (t task) open(ctx context.Context, name string, f transfer.Fence, onEvent func(transfer.Event)) (*transfer.Engine, error) {
	// A checkpoint begins at half of what may be lost.
	o := transfer.Options{Name: name, FrameBytes: frameBytes, CheckpointBytes: 2 * t.Checkpoint, OnEvent: onEvent}
	if t.Checkpoint < 0 { // later than the end
		o.CheckpointBytes, o.CheckpointInterval = 2*t.Size+frameBytes, time.Hour
	}
	if name == sender {
		o.ReadRoots = []string{filepath.Dir(t.Source)}
	} else {
		o.WriteRoot = filepath.Dir(t.Dest)
	}
	o, err := withDigest(o, t.Digest)
	if err != nil {
		return nil, err
	}
	state := filepath.Join(t.Dir, name)
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, err
	}
	return transfer.Open(ctx, state, f, o)
}

// running calls fn while an engine runs over l. ctx ends with the link.
func running(ctx context.Context, e *transfer.Engine, l transfer.Link, fn func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cancel(e.Run(ctx, l))
	}()
	err := fn(ctx)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	<-ended
	return err
}

// submit sends the source, or goes on with it, and waits for its end.
func (t task) submit(ctx context.Context, e *transfer.Engine) error {
	r := transfer.Request{ID: transferID, To: receiver, Items: []transfer.Item{{Source: t.Source, Destination: filepath.Base(t.Dest)}}}
	if _, err := e.Submit(ctx, r); err != nil {
		return err
	}
	s, err := e.Wait(ctx, transferID)
	if err == nil && (s.State != transfer.Completed || s.Failed > 0) {
		err = fmt.Errorf("the transfer ended so: %+v", s)
	}
	return err
}

// both opens both sides and runs them over a pipe while fn runs.
func (t task) both(ctx context.Context, f transfer.Fence, onEvent func(transfer.Event), wrap func(transfer.Link) transfer.Link, fn func(ctx context.Context, from *transfer.Engine) error) error {
	from, err := t.open(ctx, sender, f, nil)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := t.open(ctx, receiver, f, onEvent)
	if err != nil {
		return err
	}
	defer to.Close()
	a, b := transfer.Pipe()
	return running(ctx, to, b, func(ctx context.Context) error {
		return running(ctx, from, wrap(a), func(ctx context.Context) error { return fn(ctx, from) })
	})
}

func copyInProcess(ctx context.Context, t task, o *outcome) error {
	m := newMeter(t.Size)
	err := t.both(ctx, alone{1}, nil, m.over, t.submit)
	m.tell(o)
	return err
}

func sendOverTCP(ctx context.Context, t task, o *outcome) error {
	return dialled(ctx, t, func(c net.Conn) error {
		e, err := t.open(ctx, sender, alone{1}, nil)
		if err != nil {
			return err
		}
		defer e.Close()
		m := newMeter(t.Size)
		err = running(ctx, e, m.over(newTCPLink(c)), func(ctx context.Context) error { return t.submit(ctx, e) })
		m.tell(o)
		return err
	})
}

// receiveOverTCP ends when the sender closes the connection.
func receiveOverTCP(ctx context.Context, t task, _ *outcome) error {
	e, err := t.open(ctx, receiver, alone{1}, nil)
	if err != nil {
		return err
	}
	defer e.Close()
	return accepted(ctx, func(c net.Conn) error {
		if err := e.Run(ctx, newTCPLink(c)); !isEnd(err) {
			return err
		}
		return nil
	})
}
