package transfer

import (
	"bytes"
	"crypto/sha256"
	"hash/crc32"
	"testing"

	"pgregory.net/rapid"
)

// TestDigestOfPieces: however a file falls into frames, and wherever its digest was kept and resumed, the
// digest is that of the whole.
func TestDigestOfPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]Digest{SHA256, CRC32C, ""}).Draw(t, "kind")
		data := rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		d, rest := kind.begin(), data
		for len(rest) > 0 {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			if rapid.Bool().Draw(t, "checksum known") {
				d.frame(rest[:n], crc32.Checksum(rest[:n], castagnoli))
			} else if _, err := d.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			state, err := d.appendState(nil)
			if err != nil {
				t.Fatal(err)
			}
			sum := d.sum()
			if d = kind.resume(point{State: state, Sum: sum[:]}); d == nil {
				t.Fatal("its own state is not understood")
			}
		}
		want := sha256.Sum256(data)
		if kind == CRC32C {
			want = [32]byte{}
			crc := crc32.Checksum(data, castagnoli)
			copy(want[:], []byte{byte(crc >> 24), byte(crc >> 16), byte(crc >> 8), byte(crc)})
		}
		if got := d.sum(); got != want {
			t.Fatalf("%s of %d bytes is %x, want %x", kind, len(data), got, want)
		}
	})
}

// TestStrangeStateIsNotResumed: a state that another release of Go wrote, or another Digest, or that belongs
// to other bytes.
func TestStrangeStateIsNotResumed(t *testing.T) {
	sha, crc := SHA256.begin(), CRC32C.begin()
	for _, d := range []digest{sha, crc} {
		if _, err := d.Write([]byte("abc")); err != nil {
			t.Fatal(err)
		}
	}
	shaState, err := sha.appendState(nil)
	if err != nil {
		t.Fatal(err)
	}
	crcState, err := crc.appendState(nil)
	if err != nil {
		t.Fatal(err)
	}
	shaSum, crcSum := sha.sum(), crc.sum()
	broken := bytes.Clone(shaState)
	broken[8] ^= 1
	for name, c := range map[string]struct {
		kind Digest
		p    point
	}{
		"no state":         {SHA256, point{Sum: shaSum[:]}},
		"another digest":   {SHA256, point{State: crcState, Sum: crcSum[:]}},
		"another digest 2": {CRC32C, point{State: shaState, Sum: shaSum[:]}},
		"other bytes":      {SHA256, point{State: broken, Sum: shaSum[:]}},
		"other sum":        {CRC32C, point{State: crcState, Sum: shaSum[:]}},
	} {
		if c.kind.resume(c.p) != nil {
			t.Errorf("%s: resumed", name)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	frame := make([]byte, 256<<10)
	crc := crc32.Checksum(frame, castagnoli)
	for _, kind := range []Digest{SHA256, CRC32C} {
		b.Run(string(kind), func(b *testing.B) {
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			d, state := kind.begin(), make([]byte, 0, maxState)
			for b.Loop() {
				d.frame(frame, crc)
				if _, err := d.appendState(state); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
