package ref

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// small has many frames and checkpoints in little data.
var small = Options{FrameBytes: 1 << 10, CheckpointBytes: 8 << 10}

func sourceOf(t *testing.T, size int) (name string, content []byte) {
	t.Helper()
	content = make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size)}).Read(content)
	name = filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name, content
}

// only says that dest is in its directory, alone, and has that content.
func only(t *testing.T, dest string, content []byte) {
	t.Helper()
	names, err := os.ReadDir(filepath.Dir(dest))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 1 || names[0].Name() != filepath.Base(dest) {
		t.Errorf("found %v", names)
	}
	got, err := os.ReadFile(dest)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, content) {
		t.Errorf("%d bytes of another content", len(got))
	}
}

var ways = map[string]func(source, dest string, o Options) error{
	"in process": Copy,
	"over TCP":   overTCP,
}

func overTCP(source, dest string, o Options) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	received := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			err = Receive(conn, dest, o)
			conn.Close()
		}
		received <- err
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	err = Send(conn, source, o)
	conn.Close()
	if receiveErr := <-received; receiveErr != nil {
		return receiveErr
	}
	return err
}

func TestCopiesAreIdentical(t *testing.T) {
	for name, way := range ways {
		for _, size := range []int{0, 1, 1 << 10, 1<<10 + 1, 8 << 10, 100_000} {
			for _, o := range []Options{small, {SHA256: true, FrameBytes: 1 << 10, CheckpointBytes: 8 << 10}, {Tree: true, FrameBytes: 1 << 10}, {CheckpointBytes: -1}} {
				t.Run(fmt.Sprintf("%s, %d bytes, %+v", name, size, o), func(t *testing.T) {
					source, content := sourceOf(t, size)
					dest := filepath.Join(t.TempDir(), "dest")
					if err := way(source, dest, o); err != nil {
						t.Fatal(err)
					}
					only(t, dest, content)
				})
			}
		}
	}
}

func TestNoPartIsLeftWhenTheNameIsTaken(t *testing.T) {
	source, _ := sourceOf(t, 100_000)
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			dest := filepath.Join(dir, "dest")
			if err := os.MkdirAll(filepath.Join(dest, "x"), 0o700); err != nil { // nothing can be renamed over it
				t.Fatal(err)
			}
			if err := way(source, dest, small); err == nil {
				t.Error("no error")
			}
			if names, err := os.ReadDir(filepath.Dir(dest)); err != nil || len(names) != 1 {
				t.Errorf("left behind: %v, %v", names, err)
			}
		})
	}
}

func TestSerialAndRaw(t *testing.T) {
	source, content := sourceOf(t, 100_000)
	dest := filepath.Join(t.TempDir(), "dest")
	digest, err := Serial(source, dest, small)
	if err != nil {
		t.Fatal(err)
	}
	if digest != sha256.Sum256(content) {
		t.Error("another digest")
	}
	only(t, dest, content)
	dest = filepath.Join(t.TempDir(), "dest")
	if err := Raw(100_000, dest, small); err != nil {
		t.Fatal(err)
	}
	only(t, dest, make([]byte, 100_000))
}

// A frame that was changed on its way is not written, and a file whose digest differs not delivered.
func TestDamageIsNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(f *frame)
		tree   bool
	}{
		"payload":         {func(f *frame) { f.payload[0] ^= 1 }, false},
		"place":           {func(f *frame) { f.offset++ }, false},
		"digest":          {func(f *frame) { f.digest[0] ^= 1 }, false},
		"payload, tree":   {func(f *frame) { f.payload[0] ^= 1 }, true},
		"both of a frame": {func(f *frame) { f.payload[0] ^= 1; f.leaf = sha256.Sum256(f.payload) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			dest := filepath.Join(t.TempDir(), "dest")
			o := small
			o.SHA256, o.Tree = !c.tree, c.tree
			w, err := newWriter(osDisk{}, dest, 10, o)
			if err != nil {
				t.Fatal(err)
			}
			full, free := make(chan *frame, 1), make(chan *frame, 1)
			free <- &frame{buffer: make([]byte, 16)}
			if err := read(t.Context(), bytes.NewReader(make([]byte, 10)), 10, o, free, full); err != nil {
				t.Fatal(err)
			}
			f := <-full
			c.damage(f)
			if err := w.end(w.take(f)); err == nil {
				t.Error("delivered")
			}
			if names, err := os.ReadDir(filepath.Dir(dest)); err != nil || len(names) > 0 {
				t.Errorf("left behind: %v, %v", names, err)
			}
		})
	}
}

func TestReadingStopsWhenTheFileGrowsShorter(t *testing.T) {
	o := small.withDefaults()
	full := make(chan *frame, buffers)
	if err := read(t.Context(), bytes.NewReader(make([]byte, 10)), 11, o, newFrames(o), full); err == nil {
		t.Error("no error")
	}
	if f, ok := <-full; ok {
		t.Errorf("a frame: %+v", f)
	}
}
