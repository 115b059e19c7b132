package transfer_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mqha/mqha/transfer"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lease is a Fence that a test can end.
type lease struct {
	epoch uint64
	lost  chan struct{}
}

func newLease(epoch uint64) *lease { return &lease{epoch: epoch, lost: make(chan struct{})} }

func (l *lease) Epoch() uint64 { return l.epoch }

func (l *lease) Err() error {
	select {
	case <-l.lost:
		return errors.New("lease lost")
	default:
		return nil
	}
}

// agent is an engine with its directories, which outlive it.
type agent struct {
	name             string
	state, read, got string
}

func newAgent(t *testing.T, name string) *agent {
	t.Helper()
	dir := t.TempDir()
	a := &agent{name: name, state: filepath.Join(dir, "state"), read: filepath.Join(dir, "read"), got: filepath.Join(dir, "got")}
	for _, d := range []string{a.state, a.read, a.got} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func (a *agent) open(t *testing.T, epoch uint64, change func(*transfer.Options)) *transfer.Engine {
	t.Helper()
	o := transfer.Options{Name: a.name, ReadRoots: []string{a.read}, WriteRoot: a.got, RetryInterval: 50 * time.Millisecond}
	if change != nil {
		change(&o)
	}
	e, err := transfer.Open(t.Context(), a.state, newLease(epoch), o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// runBoth runs two engines over a pipe until stop is called.
func runBoth(t *testing.T, a, b *transfer.Engine) (stop func()) {
	t.Helper()
	la, lb := transfer.Pipe()
	return runOver(t, a, b, la, lb)
}

func runOver(t testing.TB, a, b *transfer.Engine, la, lb transfer.Link) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- a.Run(ctx, la) }()
	go func() { done <- b.Run(ctx, lb) }()
	return func() {
		cancel()
		<-done
		<-done
	}
}

func writeFile(t *testing.T, dir, name string, size int, mode fs.FileMode) {
	t.Helper()
	p := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	seed := sha256.Sum256([]byte(name))
	rand.NewChaCha8(seed).Read(b)
	if err := os.WriteFile(p, b, mode); err != nil {
		t.Fatal(err)
	}
	mtime := time.Date(2020, 1, 2, 3, 4, 5, 678901234, time.UTC)
	if err := os.Chtimes(p, mtime, mtime); err != nil {
		t.Fatal(err)
	}
}

type fileFacts struct {
	Size  int64
	Mode  fs.FileMode
	MTime int64
	Sum   [32]byte
}

// facts reads a directory tree without any help of this package.
func facts(t *testing.T, dir string) map[string]fileFacts {
	t.Helper()
	all := map[string]fileFacts{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, p)
		if err != nil || d.IsDir() {
			all[rel+"/"] = fileFacts{}
			return err
		}
		all[rel] = readFacts(t, p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func readFacts(t *testing.T, p string) fileFacts {
	t.Helper()
	fi, err := os.Lstat(p)
	if err != nil {
		t.Error(err)
		return fileFacts{}
	}
	b, err := os.ReadFile(p)
	if err != nil {
		t.Error(err)
	}
	return fileFacts{fi.Size(), fi.Mode(), fi.ModTime().UnixNano(), sha256.Sum256(b)}
}

// walkFiles calls fn for every file; directories may change meanwhile.
func walkFiles(fsys fs.FS, fn func(name string)) error {
	return fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			fn(p)
		}
		return nil
	})
}

func wait(t *testing.T, e *transfer.Engine, id transfer.ID) transfer.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := e.Wait(ctx, id)
	if err != nil {
		t.Fatalf("waiting for %s: %v (%+v)", id, err, s)
	}
	return s
}

func closeEngines(t *testing.T, es ...*transfer.Engine) {
	t.Helper()
	for _, e := range es {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestDirectoryArrivesIdentical(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	for name, size := range map[string]int{
		"empty": 0, "one": 1, "dir/exact": 256 << 10, "dir/more": 256<<10 + 1, "dir/deep/er/big": 20 << 20, "dir/small": 100,
	} {
		writeFile(t, a.read, name, size, 0o640)
	}
	if err := os.Mkdir(filepath.Join(a.read, "nothing"), 0o755); err != nil {
		t.Fatal(err)
	}
	ea, eb := a.open(t, 1, nil), b.open(t, 1, nil)
	defer closeEngines(t, ea, eb)
	defer runBoth(t, ea, eb)()
	id, err := ea.Submit(t.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: a.read, Destination: "."}}})
	if err != nil {
		t.Fatal(err)
	}
	s := wait(t, ea, id)
	if s.State != transfer.Completed || s.Failed != 0 || s.Files != 6 || s.Durable != s.Bytes {
		t.Errorf("status %+v", s)
	}
	if d := cmp.Diff(facts(t, a.read), facts(t, b.got)); d != "" {
		t.Error(d)
	}
}

// TestNothingIsLeftBehind: after a transfer has ended, and after one that was never recorded.
func TestNothingIsLeftBehind(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	writeFile(t, a.read, "x", 1000, 0o600)
	s := submitAndWait(t, a, b, nil)
	if s.State != transfer.Completed {
		t.Fatalf("status %+v", s)
	}
	for _, name := range []string{"out.00.1.manifest", "out.00.1.sources", "journal.1.1.1.tmp"} {
		writeFile(t, a.state, name, 10, 0o600)
	}
	for _, ag := range []*agent{a, b} {
		closeEngines(t, ag.open(t, 2, nil))
		for name := range facts(t, ag.state) {
			if name != "./" && name != "incarnation" && name != "journal.2.1" {
				t.Errorf("agent %s: %s is left", ag.name, name)
			}
		}
	}
}
