package main

import (
	"errors"

	"golang.org/x/sys/unix"
)

// warmable says that warmUp does something here.
const warmable = true

// warmUp has the host give this machine's free memory back, by using as many bytes of it for a moment.
func warmUp(bytes int64) error {
	m, err := unix.Mmap(-1, 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	_ = unix.Madvise(m, unix.MADV_HUGEPAGE) // only faster; not every kernel has it
	err = unix.Madvise(m, unix.MADV_POPULATE_WRITE)
	if errors.Is(err, unix.EINVAL) { // before Linux 5.14
		err = nil
		for at := 0; at < len(m); at += 4096 {
			m[at] = 1
		}
	}
	return errors.Join(err, unix.Munmap(m))
}

func syncDisks() { unix.Sync() }
