package mqlink_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// consumer takes each file away as soon as it sees it under its name. It looks all the time, as those do that
// poll a directory.
type consumer struct {
	from, to string
	quit     chan struct{}
	ended    chan struct{}
	once     sync.Once

	taken map[string][]string // where each file is now
	err   error
}

func startConsumer(from, to string) *consumer {
	c := &consumer{from: from, to: to, quit: make(chan struct{}), ended: make(chan struct{}), taken: map[string][]string{}}
	go func() {
		defer close(c.ended)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for c.err == nil {
			select {
			case <-tick.C:
				c.err = c.look()
			case <-c.quit:
				c.err = c.look()
				return
			}
		}
	}()
	return c
}

// stop looks a last time and gives what was taken.
func (c *consumer) stop() (map[string][]string, error) {
	c.once.Do(func() { close(c.quit) })
	<-c.ended
	return c.taken, c.err
}

func (c *consumer) look() error {
	return filepath.WalkDir(c.from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // a part that has its name now
			return nil
		}
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		name, err := filepath.Rel(c.from, path)
		if err != nil {
			return err
		}
		to := filepath.Join(c.to, fmt.Sprint(len(c.taken), ".", len(c.taken[name])))
		if err := os.Rename(path, to); err != nil {
			return err
		}
		c.taken[name] = append(c.taken[name], to)
		return nil
	})
}
