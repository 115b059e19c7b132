//go:build !linux

package mqtest

import "os"

func datasync(f *os.File) error { return f.Sync() }
