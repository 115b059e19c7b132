package ref

import (
	"context"
	"os"

	"golang.org/x/sync/errgroup"
)

// Copy makes dest a durable copy of source. Both stages run in this process and hand each other pointers.
func Copy(source, dest string, o Options) error { return copyOn(osDisk{}, source, dest, o) }

func copyOn(d disk, source, dest string, o Options) error {
	o = o.withDefaults()
	src, size, err := openSource(source)
	if err != nil {
		return err
	}
	defer src.Close()
	w, err := newWriter(d, dest, size, o)
	if err != nil {
		return err
	}
	free, full := newFrames(o), make(chan *frame, buffers)
	g, ctx := errgroup.WithContext(context.Background())
	g.Go(func() error { return read(ctx, src, size, o, free, full) })
	g.Go(func() error { return w.takeAll(ctx, full, free) })
	return w.end(g.Wait())
}

func openSource(name string) (*os.File, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, fi.Size(), nil
}
