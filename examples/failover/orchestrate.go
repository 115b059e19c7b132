package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mqha/mqha/examples/failover/outside"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/transfer"
)

// demo is one run.
type demo struct {
	options options
	dialer  mqconn.Dialer // of the clients that submit and ask
	source  string        // the directory that is sent
	base    string        // everything the demo writes
	show    *display
	watch   *watch
	total   int64 // bytes that are sent
	rate    int64 // bytes a second at the most; 0: no limit

	queueManager *child
	endpoint     string
	admin        string        // URL of the queue manager's admin port
	connected    []connections // counted by all queue managers so far
	listeningAt  time.Time     // by the clock of the queue manager's process
	destination  *child
	sources      []*child // the active one first
	frames       map[string]string
}

// runDemo says whether everything was as it should be; an error is for what kept it from finding out.
func runDemo(ctx context.Context, o options) (ok bool, err error) {
	if err := o.check(); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.limit, fmt.Errorf("gave up after %v (-limit)", o.limit))
	defer cancel()
	mq, err := mqConfig(o.through, "")
	if err != nil {
		return false, err
	}
	d := &demo{options: o, dialer: mq.Dialer, show: newDisplay(os.Stdout), frames: make(map[string]string)}
	d.watch = newWatch(d.tell)
	if err := d.prepare(ctx); err != nil {
		return false, errors.Join(err, d.cleanUp())
	}
	r, err := d.play(ctx)
	d.abandon() // nothing is left to abandon unless play failed
	d.show.finish()
	if err = errors.Join(err, d.cleanUp()); err != nil {
		return false, err
	}
	return len(r.Problems) == 0, r.write(os.Stdout, o.json)
}

func (d *demo) path(elements ...string) string {
	return filepath.Join(append([]string{d.base}, elements...)...)
}

// prepare finds the source, looks for room, and makes directories, the big file and the definitions.
func (d *demo) prepare(ctx context.Context) (err error) {
	if d.source, err = findSource(ctx, d.options.source); err != nil {
		return err
	}
	size, err := treeBytes(ctx, d.source)
	if err != nil {
		return err
	}
	d.total = size + int64(d.options.big)
	if d.base, err = os.MkdirTemp(d.options.dir, "failover-"); err != nil {
		return err
	}
	if d.base, err = filepath.EvalSymlinks(d.base); err != nil {
		return err
	}
	// The big file is written twice, the rest once; the other half is for journals and for not filling up
	// somebody's disk.
	free, err := freeBytes(d.base)
	if err != nil {
		return err
	}
	if need := 2 * d.total; free < need {
		return fmt.Errorf("%s has room for %d bytes, the demo needs %d: use -dir, or a smaller -big", d.base, free, need)
	}
	for _, dir := range []string{"big", "source-state", "destination-state", "queue-manager", "delivered", "taken"} {
		if err := os.Mkdir(d.path(dir), 0o755); err != nil {
			return err
		}
	}
	d.rate = d.options.rate(d.total)
	d.show.say("making %s of pseudo-random bytes; with %s it is %d bytes", d.options.big.String(), d.source, d.total)
	if err := makeBigFile(ctx, d.path("big", bigFileName), int64(d.options.big), d.options.seed); err != nil {
		return err
	}
	return writeDefinitions(d.path(definitionsFile), d.sourceSettings(""), d.destinationSettings())
}

// rate is what -pace means for that many bytes.
func (o *options) rate(total int64) int64 {
	pace := o.pace
	if pace == 0 && total < 512<<20 {
		pace = 4 * time.Second
	}
	if pace <= 0 {
		return 0
	}
	return max(1, int64(float64(total)/pace.Seconds()))
}

func findSource(ctx context.Context, dir string) (string, error) {
	if dir == "" {
		root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return "", fmt.Errorf("go env GOROOT: %w (use -source)", err)
		}
		dir = filepath.Join(strings.TrimSpace(string(root)), "src")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

func treeBytes(ctx context.Context, dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}

// play is the story: start, submit, kill, wait for the end, look.
func (d *demo) play(ctx context.Context) (*report, error) {
	if err := d.startAll(ctx); err != nil {
		return nil, err
	}
	consumed := d.startConsumer(ctx)
	begin := time.Now()
	id, err := submit(ctx, d.mq(), d.request())
	if err != nil {
		return nil, errors.Join(err, consumed())
	}
	d.show.say("submitted transfer %s", id)
	kills, err := d.killAll(ctx)
	if err == nil {
		err = d.watch.await(ctx, "the transfer to be completed", d.options.limit, func() bool { return !d.watch.completed.IsZero() })
	}
	if err != nil {
		return nil, errors.Join(err, consumed())
	}
	r := &report{Seconds: d.watch.completed.Sub(begin).Seconds()}
	d.show.say("completed")
	if id, err = d.spoilRunning(ctx, id); err != nil {
		return nil, errors.Join(err, consumed())
	}
	sent, err := d.checkAgents(ctx, r, id)
	if err := errors.Join(err, d.checkQueues(ctx, r, settleLimit), consumed(), d.countConnections(ctx)); err != nil {
		return nil, err
	}
	if err := d.stopAll(); err != nil {
		r.problem("%v", err)
	}
	if err := d.spoilStopped(); err != nil {
		return nil, err
	}
	d.checkState(r)
	if err := d.judge(ctx, r, kills, sent); err != nil || d.options.earlier == "" {
		return r, err
	}
	return r, d.upgrade(ctx, r, id)
}

// mq is how the demo itself is connected, as a client of the agents.
func (d *demo) mq() mqconn.Config {
	return mqconn.Config{Dialer: d.dialer, Endpoints: []string{d.endpoint}}
}

func (d *demo) request() transfer.Request {
	return transfer.Request{
		ID: transfer.NewID(), To: destinationAgent,
		// The big file goes first: its beginning tells the list of files from the files (frameLog).
		Items: []transfer.Item{
			{Source: d.path("big", bigFileName), Destination: bigFileName},
			{Source: d.source, Destination: treeName},
		},
	}
}

// treeName is the name that the source directory gets at the destination.
const treeName = "tree"

// startConsumer returns what ends it: a last look, and its error.
func (d *demo) startConsumer(ctx context.Context) (end func() error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &outside.Consumer{
		From: d.path("delivered"), To: d.path("taken"), Log: d.path("taken.log"), Sabotage: d.options.consumerSabotage(),
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func (d *demo) killAll(ctx context.Context) (kills []kill, err error) {
	if !d.options.faults {
		return nil, nil
	}
	var last time.Time
	for _, p := range planKills(d.options.seed) {
		k, err := d.carryOut(ctx, p, last)
		if err != nil {
			return kills, err
		}
		kills = append(kills, k)
		if k.finished {
			return kills, nil
		}
		last = k.at
	}
	return kills, nil
}

// judge adds up the frames and compares the files. sent is what the source agent says of the transfer.
func (d *demo) judge(ctx context.Context, r *report, kills []kill, sent transfer.Status) error {
	frames := make(map[string][]sentFrame)
	for name, file := range d.frames {
		f, err := readFrameLog(file)
		if err != nil {
			return err
		}
		frames[name] = f
	}
	planned := 0
	if d.options.faults {
		planned = len(planKills(d.options.seed))
	}
	if n := d.watch.dropped; n > 0 {
		r.problem("%d events of the agents are missing", n)
	}
	r.judgeLibraries(d.watch.libraries)
	r.judgeConnections(d.options.through, d.connected, d.watch.libraries)
	if d.watch.total != d.total {
		r.problem("the source agent counted %d bytes, the source has %d", d.watch.total, d.total)
	}
	// Those of a killed process may have been read after the first ones of its successor.
	slices.SortStableFunc(d.watch.resumes, func(a, b resume) int { return a.at.Compare(b.at) })
	r.judgeKills(kills, planned, d.watch.resumes, frames, d.total)
	d.show.say("comparing")
	result, err := outside.Compare(ctx, outside.Comparison{
		Sources: []outside.Source{{Path: d.path("big", bigFileName), Name: bigFileName}, {Path: d.source, Name: treeName}},
		Taken:   d.path("taken"), Left: d.path("delivered"), Log: d.path("taken.log"),
	})
	if err != nil {
		return err
	}
	r.Files, r.Bytes, r.Links = result.Files, result.Bytes, result.Links
	r.Problems = append(r.Problems, result.Differences...)
	r.judgeRefusals(sent, result.Links)
	return nil
}

// inOrder is the frames of all processes in order of time.
func inOrder(frames map[string][]sentFrame) (all []sentFrame) {
	for by, some := range frames {
		for _, f := range some {
			f.by = by
			all = append(all, f)
		}
	}
	slices.SortStableFunc(all, func(a, b sentFrame) int { return a.at.Compare(b.at) })
	return all
}

func (d *demo) cleanUp() error {
	if d.base == "" || d.options.keep {
		return nil
	}
	return os.RemoveAll(d.base)
}
