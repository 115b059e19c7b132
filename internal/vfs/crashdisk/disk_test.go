package crashdisk

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/vfs"
)

func chance() *rand.Rand { return rand.New(rand.NewPCG(1, 1)) }

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mount(t *testing.T, d *Disk, p Plan) (vfs.Dir, *Machine) {
	t.Helper()
	m := NewMachine(p)
	return must[vfs.Dir](t)(m.Mount(d)("/")), m
}

func put(t *testing.T, dir vfs.Dir, name, text string, sync bool) {
	t.Helper()
	f := must[vfs.File](t)(dir.Create(name))
	must[int](t)(f.WriteAt([]byte(text), 0))
	if sync {
		ok(t, f.Sync())
	}
	ok(t, f.Close())
}

func text(d *Disk, name string) string {
	f, there := d.Files("/")[name]
	if !there {
		return "-"
	}
	return string(f.Data)
}

func TestPowerOffLeavesWhatWasSynced(t *testing.T) {
	d := New()
	dir, _ := mount(t, d, nil)
	put(t, dir, "both", "bytes", true)
	put(t, dir, "name", "bytes", false)
	ok(t, dir.SyncDir("."))
	put(t, dir, "bytes", "bytes", true)
	d.PowerOff(None, chance())
	for name, want := range map[string]string{"both": "bytes", "name": "", "bytes": "-"} {
		if got := text(d, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestSyncDataLeavesAttributes: fdatasync makes bytes durable, and not the mode.
func TestSyncDataLeavesAttributes(t *testing.T) {
	d := New()
	dir, _ := mount(t, d, nil)
	f := must[vfs.File](t)(dir.Create("x"))
	must[int](t)(f.WriteAt([]byte("bytes"), 0))
	ok(t, f.Chmod(0o640))
	ok(t, f.Preallocate(1000))
	ok(t, f.BeginWriteBack(0, 1000))
	ok(t, f.SyncData())
	ok(t, dir.SyncDir("."))
	d.PowerOff(None, chance())
	if x := d.Files("/")["x"]; string(x.Data) != "bytes" || x.Mode != 0o600 {
		t.Errorf("%q, mode %v", x.Data, x.Mode)
	}
}

// TestFailedSyncIsForgotten: after it the cache has the bytes, and no sync brings them to the disk.
func TestFailedSyncIsForgotten(t *testing.T) {
	d := New()
	dir, _ := mount(t, d, func(o Op) Fate { return Fate{Done: o.Number != 4, Torn: o.Number == 4} })
	f := must[vfs.File](t)(dir.Create("x"))
	must[int](t)(f.WriteAt([]byte("lost"), 0))
	if err := f.SyncData(); !errors.Is(err, syscall.EIO) {
		t.Errorf("the sync: %v", err)
	}
	must[int](t)(f.WriteAt([]byte("kept"), 4))
	ok(t, f.SyncData())
	ok(t, dir.SyncDir("."))
	if got := text(d, "x"); got != "lostkept" {
		t.Errorf("the cache has %q", got)
	}
	d.PowerOff(None, chance())
	if got := text(d, "x"); got != "\x00\x00\x00\x00kept" {
		t.Errorf("the disk has %q", got)
	}
}

// TestSyncedFileUnderAnOldName: fsync of a file does not make its new name durable.
func TestSyncedFileUnderAnOldName(t *testing.T) {
	d := New()
	dir, _ := mount(t, d, nil)
	put(t, dir, "part", "x", true)
	ok(t, dir.SyncDir("."))
	ok(t, dir.RenameNoReplace("part", "final"))
	d.PowerOff(None, chance())
	if text(d, "part") != "x" || text(d, "final") != "-" {
		t.Errorf("%v", d.Files("/"))
	}
}

func TestKilledProcessLeavesEverything(t *testing.T) {
	d := New()
	dir, m := mount(t, d, nil)
	put(t, dir, "x", "y", false)
	m.Stop()
	d.PowerOff(All, chance())
	if text(d, "x") != "y" {
		t.Error("what a killed process wrote is gone")
	}
	if _, err := dir.Names("."); !errors.Is(err, ErrStopped) {
		t.Errorf("a stopped machine answers %v", err)
	}
}

// TestSomeIsBetween: by chance each outcome between none and all comes up, names of one directory in
// order, and the last write is torn at a sector.
func TestSomeIsBetween(t *testing.T) {
	r, seen, torn := chance(), map[string]int{}, 0
	for range 400 {
		d := New()
		dir, _ := mount(t, d, nil)
		put(t, dir, "a", "1", false)
		put(t, dir, "b", "2", false)
		f := must[vfs.File](t)(dir.Create("c"))
		must[int](t)(f.WriteAt(bytes.Repeat([]byte("x"), 4*Sector), 0))
		d.PowerOff(Some, r)
		files := d.Files("/")
		names := ""
		for _, n := range []string{"a", "b", "c"} {
			if _, there := files[n]; there {
				names += n
			}
		}
		seen[names]++
		if n := len(files["c"].Data); n > 0 && n < 4*Sector {
			torn++
			if n%Sector != 0 {
				t.Fatalf("torn at %d", n)
			}
		}
	}
	if len(seen) != 4 || seen[""]*seen["a"]*seen["ab"]*seen["abc"] == 0 || torn == 0 {
		t.Errorf("seen %v, torn %d", seen, torn)
	}
}

func TestFatesOfAnOperation(t *testing.T) {
	lost := errors.New("no answer")
	for name, c := range map[string]struct {
		fate      Fate
		err       error
		data, end string
	}{
		"goes":         {Goes, nil, "1234", "alive"},
		"answer lost":  {Fate{Done: true, Err: lost}, lost, "1234", "alive"},
		"refused":      {Fate{Err: lost}, lost, "", "alive"},
		"stops before": {Fate{Stop: true}, ErrStopped, "", "stopped"},
		"stops after":  {Fate{Done: true, Stop: true}, ErrStopped, "1234", "stopped"},
		"torn":         {Fate{Torn: true, Stop: true}, ErrStopped, "12", "stopped"},
	} {
		t.Run(name, func(t *testing.T) {
			d := New()
			dir, m := mount(t, d, func(o Op) Fate {
				if o.Kind == "WriteAt" {
					return c.fate
				}
				return Goes
			})
			f := must[vfs.File](t)(dir.Create("x"))
			if _, err := f.WriteAt([]byte("1234"), 0); !errors.Is(err, c.err) {
				t.Errorf("%v, want %v", err, c.err)
			}
			if got := text(d, "x"); got != c.data {
				t.Errorf("%q, want %q", got, c.data)
			}
			end := "alive"
			if _, err := dir.Lstat("x"); err != nil {
				end = "stopped"
			}
			if end != c.end || m.Count() < 3 {
				t.Errorf("%s after %d operations, want %s", end, m.Count(), c.end)
			}
		})
	}
}

// TestLateOperationMeetsTheDiskAsItIs: a process that was stopped between two calls makes the second on
// what others have done meanwhile.
func TestLateOperationMeetsTheDiskAsItIs(t *testing.T) {
	d := New()
	wake, waits := make(chan struct{}), make(chan struct{})
	old, _ := mount(t, d, func(o Op) Fate {
		if o.Kind == "RenameNoReplace" {
			close(waits)
			<-wake
		}
		return Goes
	})
	put(t, old, "part.1", "x", true)
	late := make(chan error)
	go func() { late <- old.RenameNoReplace("part.1", "final") }()
	<-waits
	successor, _ := mount(t, d, nil)
	ok(t, successor.Rename("part.1", "part.2"))
	close(wake)
	if err := <-late; !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the late rename: %v", err)
	}
}

// TestLikeARealDirectory holds the errors and answers against those of the operating system.
func TestLikeARealDirectory(t *testing.T) {
	fake, _ := mount(t, New(), nil)
	real := must[vfs.Dir](t)(vfs.OpenRoot(t.TempDir()))
	defer real.Close()
	for _, dir := range []vfs.Dir{fake, real} {
		ok(t, dir.Mkdir("d"))
		put(t, dir, "d/x", "1", true)
		put(t, dir, "d/y", "2", true)
		for what, c := range map[string]struct {
			err  error
			want error
		}{
			"mkdir twice":       {dir.Mkdir("d"), fs.ErrExist},
			"mkdir in nothing":  {dir.Mkdir("n/d"), fs.ErrNotExist},
			"create twice":      {second(dir.Create("d/x")), fs.ErrExist},
			"open nothing":      {second(dir.Open("d/z")), fs.ErrNotExist},
			"reopen nothing":    {second(dir.Reopen("n/z")), fs.ErrNotExist},
			"read nothing":      {second(dir.ReadFile("z")), fs.ErrNotExist},
			"list nothing":      {second(dir.Names("n")), fs.ErrNotExist},
			"sync nothing":      {dir.SyncDir("n"), fs.ErrNotExist},
			"remove nothing":    {dir.Remove("d/z"), fs.ErrNotExist},
			"rename nothing":    {dir.Rename("d/z", "d/w"), fs.ErrNotExist},
			"rename to a taken": {dir.RenameNoReplace("d/x", "d/y"), fs.ErrExist},
			"rename elsewhere":  {errors.Join(dir.RenameNoReplace("d/x", "x"), dir.RenameNoReplace("x", "d/x")), nil},
			"rename to nowhere": {dir.RenameNoReplace("d/x", "n/x"), fs.ErrNotExist},
			"put back":          {errors.Join(dir.RenameNoReplace("d/x", "x"), dir.PutBack("x", "d/x")), nil},
			"put back to taken": {dir.PutBack("d/x", "d/y"), fs.ErrExist},
			"put back nothing":  {dir.PutBack("d/z", "d/w"), fs.ErrNotExist},
			"identify nothing":  {second(dir.Identify("d/z")), fs.ErrNotExist},
			"remove not empty":  {dir.Remove("d"), fs.ErrExist},
			"replace":           {dir.Rename("d/x", "d/y"), nil},
			"lstat replaced":    {second(dir.Lstat("d/x")), fs.ErrNotExist},
		} {
			if !errors.Is(c.err, c.want) {
				t.Errorf("%T: %s: %v, want %v", dir, what, c.err, c.want)
			}
		}
		if b := must[[]byte](t)(dir.ReadFile("d/y")); string(b) != "1" {
			t.Errorf("%T: y is %q after x was renamed over it", dir, b)
		}
		if id := must[vfs.Identity](t)(dir.Identify("d/y")); id.Size != 1 || !id.Mode.IsRegular() {
			t.Errorf("%T: y is %+v", dir, id)
		}
	}
}

// TestRenameElsewhereIsDurableInBothDirectoriesOrInNone, also when only one of them is synced.
func TestRenameElsewhereIsDurableInBothDirectoriesOrInNone(t *testing.T) {
	moved := map[bool]int{}
	for seed := range uint64(200) {
		d := New()
		d.Mkdir("/a")
		d.Mkdir("/b")
		d.Put("/a/x", []byte("x"), 0o600, time.Unix(1, 0))
		dir, _ := mount(t, d, nil)
		put(t, dir, "b/before", "1", true)
		ok(t, dir.RenameNoReplace("a/x", "b/x"))
		put(t, dir, "a/after", "2", true)
		if seed%4 == 0 {
			ok(t, dir.SyncDir([]string{"a", "b"}[seed/4%2]))
		}
		d.PowerOff(Some, rand.New(rand.NewPCG(seed, 1)))
		there := text(d, "b/x") == "x"
		moved[there]++
		if there == (text(d, "a/x") == "x") || there && text(d, "b/before") != "1" || !there && text(d, "a/after") != "-" || seed%4 == 0 && !there {
			t.Errorf("seed %d: %v", seed, d.Files("/"))
		}
	}
	if moved[true] == 0 || moved[false] == 0 {
		t.Errorf("chance decided nothing: %v", moved)
	}
}

// TestProducerMayGetTheNumberOfARemovedFile: what a real disk does, and only the time of creation tells.
func TestProducerMayGetTheNumberOfARemovedFile(t *testing.T) {
	d := New()
	dir, _ := mount(t, d, nil)
	var ids [2]vfs.Identity
	for i := range ids {
		d.Put("/x", []byte("x"), 0o600, time.Unix(1, 0))
		ids[i] = must[vfs.Identity](t)(dir.Identify("x"))
		if !d.Append("/x", []byte("y"), time.Unix(2, 0)) || text(d, "x") != "xy" || !d.Drop("/x") || text(d, "x") != "-" {
			t.Errorf("%v", d.Files("/"))
		}
	}
	if ids[0].Inode != ids[1].Inode || ids[0].Born == ids[1].Born || ids[0].Size != ids[1].Size || ids[0].Modified != ids[1].Modified {
		t.Errorf("%+v", ids)
	}
}

func second[T any](_ T, err error) error { return err }
