package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// bed is the directory that a measurement takes place in.
type bed struct {
	dir    string
	source string
	size   int64
	digest [sha256.Size]byte
}

// newBed makes the source, of random bytes: what compresses or repeats would measure something else.
func newBed(under string, size int64, seed uint64) (*bed, error) {
	if under == "" {
		under = os.TempDir()
	}
	dir, err := os.MkdirTemp(under, "mqha-bench-")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	b := &bed{dir: dir, source: filepath.Join(dir, "source", "file"), size: size}
	if err := b.writeSource(seed); err != nil {
		return nil, errors.Join(err, b.remove())
	}
	return b, nil
}

func (b *bed) writeSource(seed uint64) error {
	if err := os.Mkdir(filepath.Dir(b.source), 0o700); err != nil {
		return err
	}
	f, err := os.Create(b.source)
	if err != nil {
		return err
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	whole := sha256.New()
	_, err = io.CopyBuffer(io.MultiWriter(f, whole), io.LimitReader(rand.NewChaCha8(key), b.size), make([]byte, 1<<20))
	if err == nil {
		err = f.Sync()
	}
	whole.Sum(b.digest[:0])
	return errors.Join(err, f.Close())
}

// site is the directory of one run.
type site struct {
	*bed
	dir  string // for whatever the run needs
	in   string // in which the copy appears
	dest string // the copy
	warm func() error
}

func (b *bed) newSite(warm func() error) (*site, error) {
	dir, err := os.MkdirTemp(b.dir, "run-")
	if err != nil {
		return nil, err
	}
	s := &site{bed: b, dir: dir, in: filepath.Join(dir, "in"), warm: warm}
	s.dest = filepath.Join(s.in, "file")
	return s, os.Mkdir(s.in, 0o700)
}

// check compares the copy with the source, by its size alone unless all.
func (s *site) check(all bool) error {
	f, err := os.Open(s.dest)
	if err != nil {
		return fmt.Errorf("nothing was delivered: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if fi.Size() != s.size {
		return fmt.Errorf("%d bytes were delivered, the source has %d", fi.Size(), s.size)
	}
	if !all {
		return nil
	}
	whole := sha256.New()
	if _, err := io.CopyBuffer(whole, f, make([]byte, 1<<20)); err != nil {
		return err
	}
	if [sha256.Size]byte(whole.Sum(nil)) != s.digest {
		return errors.New("the copy differs from the source")
	}
	return nil
}

// readSource has the source in the page cache: what is measured begins there.
func (b *bed) readSource() error {
	f, err := os.Open(b.source)
	if err != nil {
		return err
	}
	defer f.Close()
	buffer := make([]byte, 1<<20)
	for {
		if _, err := f.Read(buffer); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (s *site) remove() error {
	err := os.RemoveAll(s.dir)
	syncDisks()
	return err
}

func (b *bed) remove() error { return os.RemoveAll(b.dir) }
