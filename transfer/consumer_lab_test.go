//go:build lab && linux

package transfer_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// durableConsumer takes each file away at once, and makes that durable: a name that is not is there again
// after a loss of power, which no sender can help.
type durableConsumer struct {
	from, to string
	taken    int
	quit     chan struct{}
	ended    chan error
}

func (c *durableConsumer) start() {
	c.quit, c.ended = make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			if err := c.look(); err != nil {
				c.ended <- err
				return
			}
			select {
			case <-tick.C:
			case <-c.quit:
				c.ended <- c.look()
				return
			}
		}
	}()
}

// stop gives the error that it ended with: that of a disk without power.
func (c *durableConsumer) stop() error {
	close(c.quit)
	return <-c.ended
}

func (c *durableConsumer) look() error {
	return filepath.WalkDir(c.from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		name, err := filepath.Rel(c.from, path)
		if err != nil {
			return err
		}
		c.taken++
		to := filepath.Join(c.to, fmt.Sprintf("%d.%s", c.taken, strings.ReplaceAll(name, "/", "+")))
		if err := os.Rename(path, to); err != nil {
			return err
		}
		return errors.Join(syncNames(c.to), syncNames(filepath.Dir(path)))
	})
}

func syncNames(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
