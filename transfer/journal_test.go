package transfer_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqha/mqha/transfer"
)

// journalOf writes three transfers into a journal and ends: in order, or as a process that is killed.
func journalOf(t *testing.T, killed bool) (whole []byte, open func(content []byte) (transfers int, err error)) {
	t.Helper()
	a := newAgent(t, "A")
	writeFile(t, a.read, "x", 1, 0o600)
	l := newLease(1)
	e := a.openWith(t, l, newWatcher(), nil)
	var ids []transfer.ID
	for range 3 {
		ids = append(ids, submitAll(t, a, e))
	}
	if killed {
		close(l.lost)
		_ = e.Close()
	} else {
		closeEngines(t, e)
	}
	pristine := t.TempDir()
	if err := os.CopyFS(pristine, os.DirFS(a.state)); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(pristine, "journal.1.1"))
	if err != nil {
		t.Fatal(err)
	}
	whole = bytes.TrimRight(whole, "\x00") // the room for more entries
	return whole, func(content []byte) (transfers int, err error) {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(pristine)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "journal.1.1"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := transfer.Open(t.Context(), dir, newLease(1), transfer.Options{Name: "A"})
		if err != nil {
			return 0, err
		}
		defer closeEngines(t, e)
		for _, id := range ids {
			if _, err := e.Status(id); err == nil {
				transfers++
			}
		}
		return transfers, nil
	}
}

// TestDamagedJournalIsNeverReadAsShorter: what was durable must not be forgotten, since a forgotten COMMIT
// would deliver a file twice. After an orderly end every byte counts; one of the two marks may be damaged.
func TestDamagedJournalIsNeverReadAsShorter(t *testing.T) {
	const marks = 32
	whole, open := journalOf(t, false)
	for n := 0; n < len(whole); n += 3 {
		flipped := append([]byte(nil), whole...)
		flipped[n] ^= 0x40
		for what, content := range map[string][]byte{"flipped": flipped, "cut off": whole[:n]} {
			transfers, err := open(content)
			switch {
			case errors.Is(err, transfer.ErrJournal) && (n >= marks || what == "cut off"):
			case err == nil && transfers == 3 && n < marks && what == "flipped":
			default:
				t.Errorf("%s at byte %d of %d: %d transfers, %v", what, n, len(whole), transfers, err)
			}
		}
	}
	if n, err := open(whole); err != nil || n != 3 {
		t.Errorf("as it was: %d transfers, %v", n, err)
	}
}

// TestJournalOfAKilledProcess: only what was not durable may be missing, which is the last record at most, since
// each Submit waits for its own.
func TestJournalOfAKilledProcess(t *testing.T) {
	whole, open := journalOf(t, true)
	last := strings.LastIndex(string(whole), `{"out"`) - 8 // where the last record begins
	for n := 0; n <= len(whole); n += 3 {
		transfers, err := open(whole[:n])
		switch {
		case err == nil && transfers >= 2 && n >= last:
		case errors.Is(err, transfer.ErrJournal) && n < last:
		default:
			t.Errorf("cut off at byte %d of %d, the last record at %d: %d transfers, %v", n, len(whole), last, transfers, err)
		}
	}
}

// TestJournalOfALaterReleaseIsNotTouched: the sentence is one that helps, and the journal stays.
func TestJournalOfALaterReleaseIsNotTouched(t *testing.T) {
	a := newAgent(t, "A")
	entry := []byte(`{"mqha":99,"epoch":1}`)
	content := append(make([]byte, 32), 0, 0, 0, 0, 0, 0, 0, 0)
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	le := binary.LittleEndian
	copy(content, "MQHA")
	le.PutUint32(content[4:], crc32.Checksum(content[8:16], castagnoli))
	le.PutUint32(content[32:], uint32(len(entry)))
	le.PutUint32(content[36:], crc32.Checksum(entry, castagnoli))
	content = append(content, entry...)
	name := filepath.Join(a.state, "journal.1.1")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := transfer.Open(t.Context(), a.state, newLease(2), transfer.Options{Name: "A"})
	var refused *transfer.JournalError
	if !errors.Is(err, transfer.ErrJournal) || !errors.As(err, &refused) || refused.Format != 99 || !strings.Contains(err.Error(), "format 99") || strings.Contains(err.Error(), "move the state") {
		t.Errorf("%v", err)
	}
	if now, err := os.ReadFile(name); err != nil || string(now) != string(content) {
		t.Errorf("the journal was changed: %v", err)
	}
}
