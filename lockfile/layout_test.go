package lockfile

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// layout is state under a lease that late calls of an earlier holder do not harm, in the small: the
// package comment says what they may do, and package transfer keeps its files like this. The part of
// a file, and the journal, carry the epoch in their names. A new holder renames the part to its own epoch
// and copies the journal; the highest epoch counts.
type layout struct {
	dir   string
	epoch uint64
}

func (y layout) part() string      { return y.partOf(y.epoch) }
func (y layout) journal() string   { return y.journalOf(y.epoch) }
func (y layout) delivered() string { return filepath.Join(y.dir, "delivered") }

func (y layout) partOf(epoch uint64) string {
	return filepath.Join(y.dir, fmt.Sprintf(".x.%d.part", epoch))
}
func (y layout) journalOf(epoch uint64) string {
	return filepath.Join(y.dir, fmt.Sprintf("journal.%d", epoch))
}

// takeOver makes the state of the highest lower epoch that of this one.
func (y layout) takeOver() error {
	for _, old := range y.epochs(".x.", ".part") {
		if err := os.Rename(y.partOf(old), y.part()); err != nil {
			return err
		}
	}
	var entries []string
	if journals := y.epochs("journal.", ""); len(journals) > 0 {
		var err error
		if entries, err = readJournal(y.journalOf(journals[len(journals)-1])); err != nil {
			return err
		}
	}
	next := y.journal() + ".tmp"
	if err := os.WriteFile(next, nil, 0o644); err != nil {
		return err
	}
	for _, e := range entries {
		if err := appendJournal(next, e); err != nil {
			return err
		}
	}
	if err := os.Rename(next, y.journal()); err != nil {
		return err
	}
	return syncDir(y.dir)
}

// epochs lists those that have a file of this kind, rising.
func (y layout) epochs(before, after string) []uint64 {
	var epochs []uint64
	for n := uint64(1); n < y.epoch; n++ {
		if _, err := os.Lstat(filepath.Join(y.dir, before+strconv.FormatUint(n, 10)+after)); err == nil {
			epochs = append(epochs, n)
		}
	}
	return epochs
}

// A journal's entry is one line with a checksum; a torn last line does not count.
func journalLine(entry string) string {
	return fmt.Sprintf("%08x %s\n", crc32.ChecksumIEEE([]byte(entry)), entry)
}

func appendJournal(path, entry string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(journalLine(entry))
	return errors.Join(err, f.Sync(), f.Close())
}

func readJournal(path string) ([]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var entries []string
	for line := range bytes.Lines(content) {
		_, entry, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		if string(line) != journalLine(entry) {
			break
		}
		entries = append(entries, entry)
	}
	return entries, nil
}
