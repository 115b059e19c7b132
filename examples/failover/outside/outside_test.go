package outside

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// stage is a source, and a delivery of it that a Consumer has taken.
type stage struct {
	t    *testing.T
	base string
}

func (s stage) path(elements ...string) string {
	return filepath.Join(append([]string{s.base}, elements...)...)
}

func (s stage) write(name, content string, perm os.FileMode, modified time.Time) {
	s.t.Helper()
	name = s.path(filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), perm); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chmod(name, perm); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chtimes(name, modified, modified); err != nil {
		s.t.Fatal(err)
	}
}

var modified = time.Unix(1700000000, 123456789)

// deliver makes source and delivery, lets change spoil the delivery, and consumes it.
func deliver(t *testing.T, change func(stage), sabotage Sabotage) stage {
	t.Helper()
	s := stage{t: t, base: t.TempDir()}
	for _, root := range []string{"source", "delivered/tree"} {
		s.write(root+"/a", "first", 0o644, modified)
		s.write(root+"/empty", "", 0o600, modified)
		s.write(root+"/sub/b \"quoted\"", "second", 0o755, modified)
		if err := os.MkdirAll(s.path(root, "no files"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if change != nil {
		change(s)
	}
	if err := os.Mkdir(s.path("taken"), 0o755); err != nil {
		t.Fatal(err)
	}
	// With its context ended a Consumer makes one round; a second one takes what came again.
	ended, end := context.WithCancel(context.Background())
	end()
	c := Consumer{From: s.path("delivered"), To: s.path("taken"), Log: s.path("log"), Sabotage: sabotage}
	if err := c.Run(ended); err != nil {
		t.Fatal(err)
	}
	again := Consumer{From: c.From, To: s.path("taken", "again"), Log: c.Log}
	if err := again.Run(ended); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s stage) compare() Result {
	s.t.Helper()
	r, err := Compare(s.t.Context(), Comparison{
		Sources: []Source{{Path: s.path("source"), Name: "tree"}},
		Taken:   s.path("taken"), Left: s.path("delivered"), Log: s.path("log"),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func TestFaithfulDeliveryIsIdentical(t *testing.T) {
	r := deliver(t, nil, "").compare()
	if len(r.Differences) > 0 {
		t.Errorf("differences: %q", r.Differences)
	}
	if r.Files != 3 || r.Bytes != int64(len("first")+len("second")) {
		t.Errorf("%d files, %d bytes", r.Files, r.Bytes)
	}
}

func TestLinksInTheSourceAreListedAndLeftOut(t *testing.T) {
	r := deliver(t, func(s stage) {
		if err := os.Symlink("a", s.path("source", "link")); err != nil {
			t.Fatal(err)
		}
	}, "").compare()
	if len(r.Differences) > 0 || !slices.Equal(r.Links, []string{"tree/link"}) {
		t.Errorf("links %q, differences %q", r.Links, r.Differences)
	}
}

func TestEveryDifferenceIsFound(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(stage)
		sabotage Sabotage
		want     string // part of a difference
	}{
		{name: "a bit", sabotage: Flip, want: "SHA-256"},
		{name: "dropped", sabotage: Drop, want: "tree/a: missing"},
		{name: "dropped without a line", sabotage: Drop, want: "tree/a: delivered 0 times"},
		{name: "twice", sabotage: Twice, want: "tree/a: delivered 2 times"},
		{name: "missing", change: func(s stage) { os.Remove(s.path("delivered/tree/a")) }, want: "tree/a: missing"},
		{name: "longer", change: func(s stage) { s.write("delivered/tree/a", "first and more", 0o644, modified) }, want: "14 bytes, the source has 5"},
		{name: "permissions", change: func(s stage) { s.write("delivered/tree/a", "first", 0o600, modified) }, want: "permissions 600, the source has 644"},
		{name: "one nanosecond", change: func(s stage) { s.write("delivered/tree/a", "first", 0o644, modified.Add(1)) }, want: "modified at"},
		{name: "too much", change: func(s stage) { s.write("delivered/tree/c", "third", 0o644, modified) }, want: "tree/c: was not sent"},
		{name: "a part", change: func(s stage) { s.write("delivered/tree/.0123.1.2.part", "fi", 0o644, modified) }, want: ".0123.1.2.part: a part that was left behind"},
		{name: "a directory", change: func(s stage) { os.Remove(s.path("delivered/tree/no files")) }, want: "tree/no files: missing directory"},
		{name: "another directory", change: func(s stage) { os.Mkdir(s.path("delivered/tree/more"), 0o755) }, want: "tree/more: directory was not sent"},
		{name: "permissions of a directory", change: func(s stage) { os.Chmod(s.path("delivered/tree/sub"), 0o700) }, want: "tree/sub: directory has permissions 700"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := deliver(t, c.change, c.sabotage).compare()
			if !slices.ContainsFunc(r.Differences, func(d string) bool { return strings.Contains(d, c.want) }) {
				t.Errorf("%q is not among %q", c.want, r.Differences)
			}
		})
	}
}

func TestComparisonEndsWithItsContext(t *testing.T) {
	s := deliver(t, nil, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, fn := range map[string]func() error{
		"Compare": func() error {
			_, err := Compare(ctx, Comparison{Taken: s.base, Left: s.base, Log: s.path("log")})
			return err
		},
		"a file": func() error { _, err := read(ctx, s.path("source", "a"), make([]byte, 8)); return err },
	} {
		if err := fn(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStateThatIsNotSettledIsFound(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string // empty: nothing wrong
	}{
		{[]string{"incarnation", "journal.2.17"}, ""},
		{[]string{"incarnation", "journal.2.17", "out.0123.2.manifest"}, "out.0123.2.manifest: left behind"},
		{[]string{"incarnation", "journal.2.17", "out.0123.2.sources"}, "out.0123.2.sources: left behind"},
		{[]string{"incarnation", "journal.2.17", "journal.2.18.tmp"}, "journal.2.18.tmp: left behind"},
		{[]string{"incarnation", "journal.1.16", "journal.2.17"}, "2 files journal"},
		{[]string{"incarnation"}, "0 files journal"},
		{[]string{"journal.2.17"}, "0 files incarnation"},
	} {
		s := stage{t: t, base: t.TempDir()}
		for _, name := range c.names {
			s.write(name, "x", 0o600, modified)
		}
		wrong, err := Unsettled(s.base)
		if err != nil || (len(wrong) == 0) != (c.want == "") || !strings.Contains(strings.Join(wrong, "\n"), c.want) {
			t.Errorf("%q: got %q, want %q (%v)", c.names, wrong, c.want, err)
		}
	}
	if _, err := Unsettled(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a directory that is not there is settled")
	}
}

func TestConsumerTakesWhatAppearsWhileItRuns(t *testing.T) {
	s := stage{t: t, base: t.TempDir()}
	for _, dir := range []string{"delivered", "taken"} {
		if err := os.Mkdir(s.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ctx, end := context.WithCancel(context.Background())
	c := Consumer{From: s.path("delivered"), To: s.path("taken"), Log: s.path("log")}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	s.write("delivered/.0.0.1.part", "half", 0o644, modified)
	s.write("later", "whole", 0o644, modified)
	if err := os.Rename(s.path("later"), s.path("delivered", "later")); err != nil {
		t.Fatal(err)
	}
	end() // the last round takes it if no round before has
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.path("taken", "later")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.path("delivered", ".0.0.1.part")); err != nil {
		t.Errorf("a part was taken: %v", err)
	}
}
