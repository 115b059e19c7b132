package transfer

import (
	"os"
	"path/filepath"
	"testing"
)

const benchFrameBytes = 256 << 10 // the default of Options.FrameBytes

func benchFrame() (header, []byte) {
	h := header{Kind: kindData, Transfer: NewID(), Epoch: 1, From: "SENDER", Nonce: 1}
	h.Pos.File = 1
	return h, make([]byte, HeaderBytes+benchFrameBytes)
}

// BenchmarkFrameEncode makes the message of a frame whose payload is in place: two checksums.
func BenchmarkFrameEncode(b *testing.B) {
	h, body := benchFrame()
	b.SetBytes(benchFrameBytes)
	b.ReportAllocs()
	for b.Loop() {
		h.encode(body)
	}
}

// BenchmarkFrameDecode proves a message.
func BenchmarkFrameDecode(b *testing.B) {
	h, body := benchFrame()
	h.encode(body)
	b.SetBytes(benchFrameBytes)
	b.ReportAllocs()
	for b.Loop() {
		if _, payload, err := decode(body, h.From); err != nil || len(payload) != benchFrameBytes {
			b.Fatalf("%d bytes, %v", len(payload), err)
		}
	}
}

// BenchmarkFrameThroughPipe is what Pipe itself costs.
func BenchmarkFrameThroughPipe(b *testing.B) {
	_, body := benchFrame()
	from, to := Pipe()
	out, in := Frame{Body: body}, Frame{}
	b.SetBytes(benchFrameBytes)
	b.ReportAllocs()
	for b.Loop() {
		out.Body = out.Body[:HeaderBytes+benchFrameBytes] // what came in the place of the last one
		if err := from.Send(b.Context(), &out); err != nil {
			b.Fatal(err)
		}
		if err := to.Receive(b.Context(), &in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFrameThroughEngines is one frame of a long file from the source to the disk of the receiver,
// through both engines and a pipe. The source is a hole. The allocations are those of both sides; the goal
// is none, and what a checkpoint or a whole transfer allocates disappears in the number of frames.
func BenchmarkFrameThroughEngines(b *testing.B) {
	dir := b.TempDir()
	open := func(name string) *Engine {
		for _, d := range []string{name, name + ".in"} {
			if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
				b.Fatal(err)
			}
		}
		e, err := Open(b.Context(), filepath.Join(dir, name), goodLease(1), Options{
			Name: name, ReadRoots: []string{dir}, WriteRoot: filepath.Join(dir, name+".in"),
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { e.Close() })
		return e
	}
	from, to := open("PARIS"), open("ROME")
	source := filepath.Join(dir, "source")
	if err := os.WriteFile(source, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	if err := os.Truncate(source, int64(b.N)*benchFrameBytes); err != nil {
		b.Fatal(err)
	}
	la, lb := Pipe()
	b.Cleanup(start(from, la))
	b.Cleanup(start(to, lb))
	b.SetBytes(benchFrameBytes)
	b.ReportAllocs()
	b.ResetTimer()
	id, err := from.Submit(b.Context(), Request{To: "ROME", Items: []Item{{Source: source, Destination: "x"}}})
	if err != nil {
		b.Fatal(err)
	}
	s, err := from.Wait(b.Context(), id)
	b.StopTimer()
	if err != nil || s.State != Completed || s.Failed > 0 || s.Durable != int64(b.N)*benchFrameBytes {
		b.Fatalf("%+v, %v", s, err)
	}
}
