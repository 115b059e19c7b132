package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
)

const bigFileName = "big.bin"

// markBytes is how much of the big file's beginning tells it from everything else that is sent.
const markBytes = 64

// makeBigFile writes size pseudo-random bytes, which no layer can compress, and which are the same for
// the same seed. ChaCha8 makes more than a gigabyte a second; a slow disk may still take minutes, so that
// it ends when ctx does.
func makeBigFile(ctx context.Context, path string, size int64, seed uint64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer f.Close()
	key := [32]byte{}
	copy(key[:], "failover "+strconv.FormatUint(seed, 10))
	random, buffer := rand.NewChaCha8(key), make([]byte, 1<<20)
	for left := size; left > 0; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		random.Read(buffer) // never fails
		n, err := f.Write(buffer[:min(left, int64(len(buffer)))])
		if err != nil {
			return err
		}
		left -= int64(n)
	}
	return f.Close()
}

// bigFileMark is how the big file begins. One that cannot be read gives a mark that nothing has.
func bigFileMark(path string) []byte {
	mark := make([]byte, markBytes)
	f, err := os.Open(path)
	if err != nil {
		return mark
	}
	defer f.Close()
	if _, err := io.ReadFull(f, mark); err != nil {
		clear(mark)
	}
	return mark
}

// byteCount is a flag value such as 64MiB.
type byteCount int64

var byteUnits = []struct {
	suffix string
	factor int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"", 1}}

func (b *byteCount) Set(s string) error {
	for _, u := range byteUnits {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 0 || n > (1<<60)/u.factor {
			return fmt.Errorf("%q is not a size such as 1GiB or 64MiB", s)
		}
		*b = byteCount(n * u.factor)
		return nil
	}
	return nil
}

func (b *byteCount) String() string {
	for _, u := range []int{2, 1, 0} {
		if f := byteUnits[u].factor; *b != 0 && int64(*b)%f == 0 {
			return strconv.FormatInt(int64(*b)/f, 10) + byteUnits[u].suffix
		}
	}
	return strconv.FormatInt(int64(*b), 10)
}
