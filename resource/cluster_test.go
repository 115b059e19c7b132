package resource_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/resource"
)

// cluster is a group of scripted resources and the diary of their calls.
type cluster struct {
	t     *testing.T
	mu    sync.Mutex
	diary []string
	story []step                   // the same, and how the calls ended
	fail  map[string]error         // "app IsAlive": what the call returns
	slow  map[string]time.Duration // how long the call takes, unless its context ends
	hang  map[string]chan struct{} // the call ends with the channel only
	group *resource.Group
	done  chan error
	stop  context.CancelFunc
}

func newCluster(t *testing.T) *cluster {
	return &cluster{t: t, fail: map[string]error{}, slow: map[string]time.Duration{}, hang: map[string]chan struct{}{}}
}

func (c *cluster) note(entry string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.diary = append(c.diary, entry)
}

// calls returns the diary since the last call, without checks.
func (c *cluster) calls() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, entry := range c.diary {
		if !strings.HasSuffix(entry, "Alive") {
			out = append(out, entry)
		}
	}
	c.diary = nil
	return out
}

// asked says how often a call was made since the last calls or expect.
func (c *cluster) asked(entry string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, e := range c.diary {
		if e == entry {
			n++
		}
	}
	return n
}

func (c *cluster) set(call string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail[call] = err
}

// step is the begin or the end of a call.
type step struct {
	member, op string
	ended      bool
	err        error
}

func (c *cluster) tell(entry string, ended bool, err error) {
	member, op, _ := strings.Cut(entry, " ")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.story = append(c.story, step{member, op, ended, err})
}

func (c *cluster) call(ctx context.Context, entry string) (err error) {
	c.note(entry)
	c.tell(entry, false, nil)
	defer func() { c.tell(entry, true, err) }()
	c.mu.Lock()
	err, slow, hang := c.fail[entry], c.slow[entry], c.hang[entry]
	c.mu.Unlock()
	if hang != nil {
		<-hang
	}
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (c *cluster) resource(name string) resource.Resource {
	do := func(what string) func(context.Context) error {
		return func(ctx context.Context) error { return c.call(ctx, name+" "+what) }
	}
	return resource.Funcs{OnOnline: do("Online"), OnOffline: do("Offline"), OnLooksAlive: do("LooksAlive"), OnIsAlive: do("IsAlive"),
		OnTerminate: func() { _ = c.call(context.Background(), name+" Terminate") }}
}

// start runs a group of members written "app: disk, ip4|ip6".
func (c *cluster) start(p resource.Policy, members ...string) {
	c.t.Helper()
	var specs []resource.Spec
	for _, m := range members {
		name, after, _ := strings.Cut(m, ":")
		s := resource.Spec{Name: name, Resource: c.resource(name), Policy: p}
		for _, or := range strings.Split(after, ",") {
			if or = strings.TrimSpace(or); or != "" {
				s.After = append(s.After, strings.Split(or, "|"))
			}
		}
		specs = append(specs, s)
	}
	g, err := resource.NewGroup(resource.Options{}, specs...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.group = g
	c.run()
}

func (c *cluster) run() {
	ctx, stop := context.WithCancel(c.t.Context())
	c.stop, c.done = stop, make(chan error, 1)
	go func() { c.done <- c.group.Run(ctx, func() { c.note("all online") }) }()
	synctest.Wait()
}

func (c *cluster) expect(want ...string) {
	c.t.Helper()
	synctest.Wait()
	if got := c.calls(); !slices.Equal(got, want) {
		c.t.Errorf("got  %q\nwant %q", got, want)
	}
}
