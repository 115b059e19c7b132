package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"

	"github.com/mqha/mqha/transfer"
)

// linked gives both ends of a connection.
func linked(t *testing.T) (a, b *tcpLink) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	from, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	to, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { from.Close(); to.Close() })
	return newTCPLink(from), newTCPLink(to)
}

func TestFramesCrossTheConnection(t *testing.T) {
	a, b := linked(t)
	var got transfer.Frame
	for _, f := range []transfer.Frame{
		{Body: []byte("data")}, {Body: []byte("control"), Persistent: true}, {}, {Body: bytes.Repeat([]byte("x"), 300_000)},
	} {
		sent := make(chan error, 1)
		go func() { sent <- a.Send(t.Context(), &f) }()
		if err := b.Receive(t.Context(), &got); err != nil {
			t.Fatal(err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		if got.Persistent != f.Persistent || !bytes.Equal(got.Body, f.Body) {
			t.Errorf("%d bytes, persistent %t; sent were %d, %t", len(got.Body), got.Persistent, len(f.Body), f.Persistent)
		}
	}
}

func TestReceiveEndsWithItsRun(t *testing.T) {
	_, b := linked(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	over := errors.New("over")
	got := make(chan error, 1)
	go func() { got <- b.Receive(ctx, new(transfer.Frame)) }()
	cancel(over)
	if err := <-got; !errors.Is(err, over) {
		t.Error(err)
	}
	if err := b.Send(ctx, new(transfer.Frame)); !errors.Is(err, over) {
		t.Error(err)
	}
}

func TestTheEndOfTheOtherSideIsToldApart(t *testing.T) {
	a, b := linked(t)
	if err := a.conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Receive(t.Context(), new(transfer.Frame)); !isEnd(err) {
		t.Error(err)
	}
	if isEnd(errors.New("x")) {
		t.Error("anything is an end")
	}
}

// What the link allocated would be counted as the engine's.
func TestLinkAllocatesNothingForAFrame(t *testing.T) {
	a, b := linked(t)
	ctx := t.Context()
	sent, got := transfer.Frame{Body: make([]byte, 1000)}, transfer.Frame{Body: make([]byte, 1000)}
	if n := testing.AllocsPerRun(100, func() {
		if err := errors.Join(a.Send(ctx, &sent), b.Receive(ctx, &got)); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%.0f allocations", n)
	}
}
