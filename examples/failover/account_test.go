package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/transfer"
)

func at(second int) time.Time { return time.Unix(int64(second), 0) }

func TestFramesSentAgainAreAddedUp(t *testing.T) {
	const total = 100
	for _, c := range []struct {
		name    string
		frames  []sentFrame
		resumes []resume
		want    account
		trouble string
	}{
		{
			name:   "nothing again",
			frames: []sentFrame{{at: at(1), payload: 7}, {at: at(2), payload: 60, first: true}, {at: at(3), payload: 40}},
			want:   account{list: 7},
		},
		{
			name: "one resume goes back",
			frames: []sentFrame{
				{at: at(1), payload: 7}, {at: at(2), payload: 50, first: true}, {at: at(3), payload: 20},
				{at: at(5), payload: 45}, {at: at(6), payload: 5},
			},
			resumes: []resume{{at: at(4), offset: 50}},
			want:    account{list: 7, resent: 20, back: []int64{20}},
		},
		{
			// It sent 100 bytes and more, and moved nothing that had not been sent.
			name: "a successor that sends everything again",
			frames: []sentFrame{
				{by: "first", at: at(2), payload: 95, first: true},
				{by: "second", at: at(5), payload: 60, first: true}, {by: "second", at: at(6), payload: 40},
			},
			resumes: []resume{{at: at(4), offset: 0}},
			want:    account{resent: 95, back: []int64{95}, fresh: map[string]int64{"first": 95, "second": 5}},
		},
		{
			name: "two, the second to the beginning of the first file",
			frames: []sentFrame{
				{at: at(2), payload: 50, first: true}, {at: at(4), payload: 10},
				{at: at(6), payload: 50, first: true}, {at: at(7), payload: 50},
			},
			resumes: []resume{{at: at(3), offset: 40}, {at: at(5), offset: 0}},
			want:    account{resent: 60, back: []int64{10, 50}},
		},
		{
			name:    "a resume at the end sends nothing",
			frames:  []sentFrame{{at: at(1), payload: 100, first: true}},
			resumes: []resume{{at: at(2), offset: 100}},
			want:    account{back: []int64{0}},
		},
		{
			name:    "repeated without a resume",
			frames:  []sentFrame{{at: at(1), payload: 60, first: true}, {at: at(2), payload: 60}},
			trouble: "the frames end at byte 120 of 100",
		},
		{
			name:    "the first file was not recognized",
			frames:  []sentFrame{{at: at(1), payload: 60}},
			trouble: "no frame among 1 begins the first file",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := addUp(c.frames, c.resumes, total)
			if c.trouble != "" {
				if err == nil || !strings.Contains(err.Error(), c.trouble) {
					t.Errorf("error %v, want %q", err, c.trouble)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.want.fresh != nil && !maps.Equal(got.fresh, c.want.fresh) {
				t.Errorf("fresh %v, want %v", got.fresh, c.want.fresh)
			}
			if got.list != c.want.list || got.resent != c.want.resent || !slices.Equal(got.back, c.want.back) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// nowhere is a Transport that takes every message.
type nowhere struct{ mqconn.Transport }

func (nowhere) Put(mqconn.Address, *mqconn.Message) error { return nil }

func TestOnlyDataToTheDestinationIsCounted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "frames")
	log, err := openFrameLog(file, []byte("first"), 0)
	if err != nil {
		t.Fatal(err)
	}
	link := countingTransport{Transport: nowhere{}, queue: "IN", log: log}
	frame := func(payload string) []byte { return append(make([]byte, transfer.HeaderBytes), payload...) }
	for _, m := range []struct {
		queue string
		mqconn.Message
	}{
		{"IN", mqconn.Message{Body: frame("list of files")}},
		{"IN", mqconn.Message{Body: frame("")}},                          // a question
		{"IN", mqconn.Message{Body: frame("control"), Persistent: true}}, // not data
		{"OTHER", mqconn.Message{Body: frame("to another")}},
		{"IN", mqconn.Message{Body: frame("first bytes")}},
		{"IN", mqconn.Message{Body: frame("second")}},
	} {
		if err := link.Put(mqconn.Address{Queue: m.queue}, &m.Message); err != nil {
			t.Fatal(err)
		}
	}
	// The log is read as it is after a SIGKILL: nothing was closed.
	frames, err := readFrameLog(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, f := range frames {
		got = append(got, f.payload)
		if f.first != (f.payload == len("first bytes")) {
			t.Errorf("frame of %d bytes: first is %v", f.payload, f.first)
		}
	}
	if want := []int{13, 11, 6}; !slices.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFramesWaitTheirTurnAtARate(t *testing.T) {
	log, err := openFrameLog(filepath.Join(t.TempDir(), "frames"), []byte("first"), 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for i, want := range []time.Duration{0, 500 * time.Millisecond, time.Second} {
		wait, err := log.count(at(1), make([]byte, 500))
		if err != nil || wait != want {
			t.Errorf("frame %d waits %v, want %v (%v)", i, wait, want, err)
		}
	}
	// What was not used is not saved up.
	if wait, err := log.count(at(60), make([]byte, 500)); err != nil || wait != 0 {
		t.Errorf("after a pause a frame waits %v (%v)", wait, err)
	}
}

func TestBigFileIsTheSameForTheSameSeed(t *testing.T) {
	dir := t.TempDir()
	content := make(map[string][]byte)
	for name, seed := range map[string]uint64{"a": 1, "again": 1, "b": 2} {
		path := filepath.Join(dir, name)
		if err := makeBigFile(t.Context(), path, 3<<20+1, seed); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		content[name] = text
		if len(text) != 3<<20+1 || string(bigFileMark(path)) != string(text[:markBytes]) {
			t.Errorf("%d bytes, mark %x", len(text), bigFileMark(path))
		}
	}
	if string(content["a"]) != string(content["again"]) || string(content["a"]) == string(content["b"]) {
		t.Error("the content does not depend on the seed alone")
	}
}

func TestBigFileEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := makeBigFile(ctx, filepath.Join(t.TempDir(), "a"), 8<<20, 1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestSizesAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]int64{"1GiB": 1 << 30, "64MiB": 64 << 20, "4KiB": 4 << 10, "1000": 1000} {
		var b byteCount
		if err := b.Set(text); err != nil || int64(b) != want || b.String() != text {
			t.Errorf("%s: %d, %s, %v", text, b, b.String(), err)
		}
	}
	for _, text := range []string{"", "GiB", "-1MiB", "1GB", "99999999999GiB"} {
		if err := new(byteCount).Set(text); err == nil {
			t.Errorf("%q was taken for a size", text)
		}
	}
}
