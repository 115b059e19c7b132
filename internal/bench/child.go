package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/mqha/mqha/internal/bench/ref"
)

// childArgument is the first argument of this command's children; the second is a task.
const childArgument = "child"

// task is what a child does. It writes its outcome as one line of JSON; a listening one writes a line with
// its address first, and ends when its connection does.
type task struct {
	Do         string `json:"do"`
	Digest     digest `json:"digest"`
	Checkpoint int64  `json:"checkpoint"` // bytes between two; negative: one sync in the end; 0: the default
	Source     string `json:"source"`
	Size       int64  `json:"size"`
	Dest       string `json:"dest"`    // the copy; its directory is there
	Dir        string `json:"dir"`     // for state directories
	Address    string `json:"address"` // to connect to
}

// outcome is what a child tells of itself.
type outcome struct {
	Address        string  `json:"address,omitempty"`
	PeakMemory     int64   `json:"peak_memory"`
	AllocsPerFrame float64 `json:"allocs_per_frame"`
	GCsPerGiB      float64 `json:"gcs_per_gib"`
	FirstFrame     float64 `json:"first_frame"` // seconds from the start of the work to the first bytes of the file
	Read           int64   `json:"read"`        // bytes, by system calls
}

// tasks are what a child can do.
var tasks = map[string]func(ctx context.Context, t task, o *outcome) error{
	"ref": func(_ context.Context, t task, _ *outcome) error { return ref.Copy(t.Source, t.Dest, t.refOptions()) },
	"raw": func(_ context.Context, t task, _ *outcome) error { return ref.Raw(t.Size, t.Dest, t.refOptions()) },
	"disk": func(_ context.Context, t task, _ *outcome) error {
		o := t.refOptions()
		o.WriteBack = true
		return ref.Raw(t.Size, t.Dest, o)
	},
	"serial": func(_ context.Context, t task, _ *outcome) error {
		_, err := ref.Serial(t.Source, t.Dest, t.refOptions())
		return err
	},
	"ref send": func(ctx context.Context, t task, _ *outcome) error {
		return dialled(ctx, t, func(c net.Conn) error { return ref.Send(c, t.Source, t.refOptions()) })
	},
	"ref receive": func(ctx context.Context, t task, _ *outcome) error {
		return accepted(ctx, func(c net.Conn) error { return ref.Receive(c, t.Dest, t.refOptions()) })
	},
	"engine":         copyInProcess,
	"engine send":    sendOverTCP,
	"engine receive": receiveOverTCP,
	"engine part":    leavePart,
	"engine resume":  resumePart,
}

func (t task) refOptions() ref.Options {
	return ref.Options{SHA256: t.Digest == sha256Digest, Tree: t.Digest == treeDigest, CheckpointBytes: t.Checkpoint}
}

// childMain carries out one task.
func childMain(argument string) int {
	var t task
	var o outcome
	err := json.Unmarshal([]byte(argument), &t)
	if err == nil {
		do := tasks[t.Do]
		if do == nil {
			err = fmt.Errorf("no such task: %q", t.Do)
		} else {
			err = do(context.Background(), t, &o)
		}
	}
	if err == nil {
		o.PeakMemory, o.Read = peakMemory(), bytesRead()
		err = say(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitTrouble
	}
	return 0
}

func say(o outcome) error { return json.NewEncoder(os.Stdout).Encode(o) }

// childCommand is the command line of a child.
func childCommand(t task) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	argument, err := json.Marshal(t)
	return []string{self, childArgument, string(argument)}, err
}

// task is a task for this site.
func (s *site) task(do string, d digest, checkpoint int64) task {
	return task{Do: do, Digest: d, Checkpoint: checkpoint, Source: s.source, Size: s.size, Dest: s.dest, Dir: filepath.Join(s.dir, "state")}
}

// runChild times one child after the memory is warm.
func runChild(ctx context.Context, s *site, t task) (sample, error) {
	args, err := childCommand(t)
	if err != nil {
		return sample{}, err
	}
	if err := s.warm(); err != nil {
		return sample{}, err
	}
	m, out, err := timed(ctx, args)
	if err == nil {
		m.outcome, err = decodeLine(out)
	}
	return m, err
}

// runPair times a sending child; the receiving one was started before.
func runPair(ctx context.Context, s *site, send, receive task) (sample, error) {
	receiver, address, err := startListener(ctx, receive)
	if err != nil {
		return sample{}, err
	}
	send.Address = address
	m, err := runChild(ctx, s, send)
	cpu, rest, waitErr := receiver.wait()
	if err = errors.Join(err, waitErr); err != nil {
		return m, err
	}
	o, err := decodeLine(rest)
	m.CPU += cpu
	m.PeakMemory = max(m.PeakMemory, o.PeakMemory)
	return m, err
}
