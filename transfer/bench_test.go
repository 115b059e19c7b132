package transfer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/mqha/mqha/transfer"
)

// BenchmarkTransfer moves files between two engines in one process, durably, with SHA-256 on both
// sides.
func BenchmarkTransfer(b *testing.B) {
	b.Run("256MiB", func(b *testing.B) { benchmark(b, 1, 256<<20) })
	b.Run("2000x16KiB", func(b *testing.B) { benchmark(b, 2000, 16<<10) })
}

func benchmark(b *testing.B, files, size int) {
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
	if err := os.Mkdir(source, 0o700); err != nil {
		b.Fatal(err)
	}
	for i := range files {
		if err := os.WriteFile(filepath.Join(source, fmt.Sprint(i)), make([]byte, size), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	la, lb := transfer.Pipe()
	defer runOver(b, engines[0], engines[1], la, lb)()
	b.SetBytes(int64(files * size))
	b.ReportAllocs()
	for b.Loop() {
		id, err := engines[0].Submit(b.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: source, Destination: "got"}}})
		if err != nil {
			b.Fatal(err)
		}
		if s, err := engines[0].Wait(b.Context(), id); err != nil || s.Failed > 0 {
			b.Fatalf("%+v, %v", s, err)
		}
		b.StopTimer()
		if err := os.RemoveAll(filepath.Join(dir, "B.files", "got")); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
