package transfer_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mqha/mqha/transfer"
)

// BenchmarkTransfer moves one file between two engines in one process, durably, with SHA-256 on
// both sides.
func BenchmarkTransfer(b *testing.B) {
	const size = 256 << 20
	dir := b.TempDir()
	var engines [2]*transfer.Engine
	for i, name := range []string{"A", "B"} {
		state := filepath.Join(dir, name)
		for _, d := range []string{state, state + ".files"} {
			if err := os.Mkdir(d, 0o700); err != nil {
				b.Fatal(err)
			}
		}
		e, err := transfer.Open(b.Context(), state, newLease(1), transfer.Options{
			Name: name, ReadRoots: []string{dir}, WriteRoot: state + ".files",
		})
		if err != nil {
			b.Fatal(err)
		}
		defer e.Close()
		engines[i] = e
	}
	source := filepath.Join(dir, "source")
	if err := os.WriteFile(source, make([]byte, size), 0o600); err != nil {
		b.Fatal(err)
	}
	la, lb := transfer.Pipe()
	defer runOver(b, engines[0], engines[1], la, lb)()
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		id, err := engines[0].Submit(b.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: source, Destination: "got"}}})
		if err != nil {
			b.Fatal(err)
		}
		if s, err := engines[0].Wait(b.Context(), id); err != nil || s.Failed > 0 {
			b.Fatalf("%+v, %v", s, err)
		}
		if err := os.Remove(filepath.Join(dir, "B.files", "got")); err != nil {
			b.Fatal(err)
		}
	}
}
