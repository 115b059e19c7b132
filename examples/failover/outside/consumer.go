package outside

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Sabotage is a fault that a Consumer makes on purpose, once, so that the tests of the demo can see
// that Compare finds it.
type Sabotage string

// The faults.
const (
	Flip  Sabotage = "flip"  // one bit of one file, which keeps its modification time
	Drop  Sabotage = "drop"  // one file is gone and was never logged
	Twice Sabotage = "twice" // one file appears again after it was taken
)

// Consumer takes each file in From away to To the moment it appears under its final name, and
// writes one line per file to Log. What it takes can therefore not be repaired afterwards, and
// what appears a second time is seen.
type Consumer struct {
	From, To string // directories on one file system, To not below From
	Log      string // is created; only ever appended to
	Sabotage Sabotage

	log   *os.File
	taken map[string]int
	count int // of files taken
}

// isPart says whether the last element of name is that of a file that is still being received.
func isPart(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, ".") && strings.HasSuffix(base, ".part")
}

// Run takes files until ctx ends, and then in as many rounds more as still find one.
func (c *Consumer) Run(ctx context.Context) error {
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	c.log, c.taken = log, make(map[string]int)
	for ctx.Err() == nil {
		took, err := c.round()
		if err != nil {
			return err
		}
		// Looking takes a processor that the agents need: at most one fifth of it.
		pause := time.NewTimer(max(20*time.Millisecond, 4*took))
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
	for {
		before := c.count
		if _, err := c.round(); err != nil || c.count == before {
			return err
		}
	}
}

// round takes what is there now, and says how long that took.
func (c *Consumer) round() (time.Duration, error) {
	start := time.Now()
	err := fs.WalkDir(os.DirFS(c.From), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() || isPart(name):
			return nil
		}
		return c.take(name)
	})
	return time.Since(start), err
}

func (c *Consumer) take(name string) error {
	from := filepath.Join(c.From, filepath.FromSlash(name))
	to := filepath.Join(c.To, filepath.FromSlash(name))
	if n := c.taken[name]; n > 0 {
		to = fmt.Sprintf("%s.again%d", to, n)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	info, err := os.Lstat(to)
	if err != nil {
		return err
	}
	c.taken[name]++
	c.count++
	if c.Sabotage != "" && info.Size() > 0 {
		fault := c.Sabotage
		c.Sabotage = ""
		if fault == Drop {
			return os.Remove(to)
		}
		if err := sabotage(fault, from, to, info); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(c.log, "%d %s\n", info.Size(), strconv.Quote(name))
	return err
}

func sabotage(fault Sabotage, from, to string, info fs.FileInfo) error {
	content, err := os.ReadFile(to)
	if err != nil {
		return err
	}
	switch fault {
	case Flip:
		content[len(content)/2] ^= 1
	case Twice:
		to = from
	default:
		return fmt.Errorf("unknown sabotage %q: flip, drop or twice", fault)
	}
	if err := os.WriteFile(to, content, info.Mode().Perm()); err != nil {
		return err
	}
	return os.Chtimes(to, time.Time{}, info.ModTime())
}

// deliveries counts the lines of a Consumer's log by name.
func deliveries(log string) (map[string]int, error) {
	f, err := os.Open(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	count := make(map[string]int)
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF && line == "" {
			return count, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", log, err)
		}
		_, quoted, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		name, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("%s: line %q", log, line)
		}
		count[name]++
	}
}
