package resource_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mqha/mqha/resource"
)

// node is a process with the group of two that another node may run as well.
func node(t *testing.T, dir string, names ...string) *resource.Group {
	t.Helper()
	var specs []resource.Spec
	for _, name := range names {
		specs = append(specs, resource.Spec{Name: name, Resource: resource.Funcs{}})
	}
	g, err := resource.NewGroup(resource.Options{StateDir: dir}, specs...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// life runs a group until all is online that should be, and returns the names that were.
func life(t *testing.T, g *resource.Group) []string {
	t.Helper()
	var names []string
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := g.Run(ctx, func() {
		for _, s := range g.Snapshot() {
			if s.State == resource.Online {
				names = append(names, s.Name)
			}
		}
		cancel()
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

func TestWishSurvivesRestartsAndMoves(t *testing.T) {
	dir := t.TempDir()
	here, there := node(t, dir, "disk", "app"), node(t, dir, "disk", "app")
	if got := life(t, here); !slices.Equal(got, []string{"disk", "app"}) {
		t.Errorf("at first online: %q", got)
	}
	if err := here.SetWanted("app", false); err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]*resource.Group{"here": here, "there": there, "a new process": node(t, dir, "disk", "app")} {
		if got := life(t, g); !slices.Equal(got, []string{"disk"}) {
			t.Errorf("%s online: %q", name, got)
		}
	}
	// A release that does not know the resource leaves the wish alone.
	if err := node(t, dir, "disk").SetWanted("disk", false); err != nil {
		t.Fatal(err)
	}
	if err := there.SetWanted("disk", true); err != nil {
		t.Fatal(err)
	}
	if got := life(t, here); !slices.Equal(got, []string{"disk"}) {
		t.Errorf("online: %q", got)
	}
	if err := there.SetWanted("app", true); err != nil {
		t.Fatal(err)
	}
	if got := life(t, here); !slices.Equal(got, []string{"disk", "app"}) {
		t.Errorf("online: %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); left != nil {
		t.Errorf("left behind: %q", left)
	}
}

func TestWishesAreNotGuessed(t *testing.T) {
	for name, text := range map[string]string{"torn": `{"version":1,"off`, "of a later release": `{"version":2}`, "empty": ""} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "wanted.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		g := node(t, dir, "app")
		if err := g.Run(t.Context(), func() { t.Errorf("%s: online", name) }); !errors.Is(err, resource.ErrWishes) || !strings.Contains(err.Error(), "wanted.json") {
			t.Errorf("%s: Run: %v", name, err)
		}
		if err := g.SetWanted("app", false); !errors.Is(err, resource.ErrWishes) || !g.Snapshot()[0].Wanted {
			t.Errorf("%s: SetWanted: %v, wanted %v", name, err, g.Snapshot()[0].Wanted)
		}
	}
	g := node(t, filepath.Join(t.TempDir(), "not mounted"), "app")
	if err := g.Run(t.Context(), nil); !errors.Is(err, resource.ErrWishes) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the directory: %v", err)
	}
}

func TestWishesOfTwoOperatorsAreBothKept(t *testing.T) {
	dir := t.TempDir()
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	g := node(t, dir, names...)
	var all sync.WaitGroup
	for _, name := range names {
		all.Go(func() {
			if err := g.SetWanted(name, false); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := life(t, node(t, dir, names...)); got != nil {
		t.Errorf("online: %q", got)
	}
}

// When the file cannot be made durable the wish has no effect, here, in the next Run and in a new process.
func TestWishThatCannotBeSavedIsNotFoundLater(t *testing.T) {
	for _, step := range []string{"sync", "rename", "syncDir"} {
		for _, earlier := range []bool{false, true} {
			dir, broken := t.TempDir(), errors.New("input/output error")
			g, want := node(t, dir, "disk", "app", "web"), []string{"disk", "app", "web"}
			if earlier {
				if err := g.SetWanted("web", false); err != nil {
					t.Fatal(err)
				}
				want = want[:2]
			}
			g.FailWishes(step, broken)
			if err := g.SetWanted("app", false); !errors.Is(err, resource.ErrWishes) || !errors.Is(err, broken) {
				t.Errorf("%s: %v", step, err)
			}
			if !g.Snapshot()[1].Wanted {
				t.Errorf("%s: it is not wanted any more", step)
			}
			for name, g := range map[string]*resource.Group{"a new process": node(t, dir, "disk", "app", "web"), "the next Run": g} {
				if got := life(t, g); !slices.Equal(got, want) {
					t.Errorf("%s, %s: online %q, want %q", step, name, got, want)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); left != nil {
				t.Errorf("%s: left behind: %q", step, left)
			}
			g.FailWishes("", nil)
			if err := g.SetWanted("app", false); err != nil {
				t.Fatal(err)
			}
			if got := life(t, node(t, dir, "disk", "app", "web")); slices.Contains(got, "app") {
				t.Errorf("%s: when the disk is well again: online %q", step, got)
			}
		}
	}
}

// A disk that turns bad at the last step and stays so keeps what it was told to forget. SetWanted used to promise that
// only a power failure could bring it back.
func TestWishOnADiskThatStaysBadMayBeFoundByTheNextRun(t *testing.T) {
	for _, earlier := range []bool{false, true} { // whether there is a file to write back
		dir, broken := t.TempDir(), errors.New("read-only file system")
		g := node(t, dir, "disk", "app")
		if earlier {
			if err := g.SetWanted("disk", true); err != nil {
				t.Fatal(err)
			}
		}
		g.FailWishes("syncDir, and all after it", broken)
		err := g.SetWanted("app", false)
		if !errors.Is(err, resource.ErrWishes) || !errors.Is(err, broken) || !strings.Contains(err.Error(), "may be found again") {
			t.Errorf("SetWanted: %v", err)
		}
		if !g.Snapshot()[1].Wanted {
			t.Error("it has an effect at once")
		}
		if got := life(t, g); !slices.Equal(got, []string{"disk"}) {
			t.Errorf("online: %q", got)
		}
		g.FailWishes("", nil)
		if err := g.SetWanted("app", true); err != nil {
			t.Fatal(err)
		}
		if got := life(t, g); !slices.Equal(got, []string{"disk", "app"}) {
			t.Errorf("after it was said again: online %q", got)
		}
	}
}
