package ref

import (
	"crypto/sha256"
	"errors"
	"io"
	"os"
)

// Raw writes size bytes of one buffer as Copy would: what the disk takes when nothing is read or proven.
func Raw(size int64, dest string, o Options) error {
	o = o.withDefaults()
	o.SHA256 = false
	w, err := newWriter(osDisk{}, dest, size, o)
	if err != nil {
		return err
	}
	buffer := make([]byte, o.FrameBytes)
	for left := size; left > 0 && err == nil; {
		n := min(left, int64(len(buffer)))
		err = w.put(buffer[:n])
		left -= n
	}
	w.proven = true
	return w.end(err)
}

// Serial is the loop that everybody writes first: read, SHA-256, write, and one fsync in the end. It
// gives the digest, of which the copy itself is not proven to have it.
func Serial(source, dest string, o Options) (digest [sha256.Size]byte, err error) {
	o = o.withDefaults()
	src, err := os.Open(source)
	if err != nil {
		return digest, err
	}
	defer src.Close()
	dst, err := os.OpenFile(dest, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return digest, err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	whole, buffer := sha256.New(), make([]byte, o.FrameBytes)
	for {
		n, err := src.Read(buffer)
		whole.Write(buffer[:n])
		if _, err := dst.Write(buffer[:n]); err != nil {
			return digest, err
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return digest, err
		}
	}
	whole.Sum(digest[:0])
	return digest, dst.Sync()
}
