package lockfile

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sampleRecord(epoch, beat uint64) Record {
	return Record{Instance: "instance-1", Host: "node1", BootID: "3b0c", PID: 4711, Epoch: epoch, Beat: beat,
		Since: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Primitive: primitive}
}

func mustLine(t testing.TB, r Record) []byte {
	t.Helper()
	line, err := r.line()
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func TestNewerLineOfTheRecordCounts(t *testing.T) {
	old, newer := mustLine(t, sampleRecord(7, 9)), mustLine(t, sampleRecord(8, 0))
	for _, content := range [][]byte{append(bytes.Clone(old), newer...), append(bytes.Clone(newer), old...)} {
		got, _, err := parseRecord(content)
		if err != nil || got.Epoch != 8 {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestLineIsOneLineOfText(t *testing.T) {
	line := mustLine(t, sampleRecord(1, 1))
	if len(line) != lineSize || bytes.IndexByte(line, '\n') != lineSize-1 {
		t.Errorf("%d bytes, newline at %d", len(line), bytes.IndexByte(line, '\n'))
	}
}

// TestFormatOfTheFileStays reads a file of the first version, and writes the same.
func TestFormatOfTheFileStays(t *testing.T) {
	golden, err := os.ReadFile("testdata/record.golden")
	if err != nil {
		t.Fatal(err)
	}
	want := Record{Instance: "a", Host: "node1", BootID: "3b0c", PID: 4711, Epoch: 7, Beat: 9,
		Since: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Primitive: "ofd"}
	before := want
	before.Beat = 8
	newest, other, err := parseRecord(golden)
	if err != nil || !cmp.Equal(newest, want) || !cmp.Equal(other, before) {
		t.Errorf("%+v, %+v, %v", newest, other, err)
	}
	if again := append(mustLine(t, before), mustLine(t, want)...); !bytes.Equal(again, golden) {
		t.Errorf("now it is %q", again)
	}
}

func TestDamageToOneLineLeavesTheOther(t *testing.T) {
	content := append(mustLine(t, sampleRecord(7, 8)), mustLine(t, sampleRecord(7, 9))...)
	for i := lineSize; i < recordSize; i++ {
		damaged := bytes.Clone(content)
		damaged[i] ^= 1
		got, _, err := parseRecord(damaged)
		if err != nil || got.Beat != 8 {
			t.Fatalf("byte %d: %+v, %v", i, got, err)
		}
	}
}

func TestOnlyOurOwnLeftoversAreTakenForALockFile(t *testing.T) {
	half := mustLine(t, sampleRecord(1, 0))[:300]
	for _, row := range []struct {
		name    string
		content string
		foreign bool
	}{
		{"empty", "", false},
		{"extended without content", strings.Repeat("\x00", lineSize), false},
		{"first write cut off", string(half), false},
		{"somebody's data", "dear diary\n", true},
		{"somebody's large data", strings.Repeat("\x00", fileSize+1), true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, _, err := parseRecord([]byte(row.content))
			if errors.Is(err, ErrForeign) != row.foreign || r != (Record{}) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

func TestRecordThatDoesNotFitIsRefused(t *testing.T) {
	r := sampleRecord(1, 1)
	r.Instance = strings.Repeat("\x01", maxInstance) // six bytes each in JSON
	if _, err := r.line(); err == nil {
		t.Error("no error")
	}
}

func FuzzRecord(f *testing.F) {
	one, two := mustLine(f, sampleRecord(3, 4)), mustLine(f, sampleRecord(3, 5))
	f.Add(append(bytes.Clone(one), two...))
	f.Add(one)
	f.Add(two[:100])
	f.Add([]byte{})
	f.Add([]byte("dear diary\n"))
	f.Add(bytes.Repeat([]byte{0}, recordSize))
	f.Fuzz(func(t *testing.T, content []byte) {
		r, _, err := parseRecord(content)
		if err != nil {
			if !errors.Is(err, ErrForeign) {
				t.Fatal(err)
			}
			return
		}
		if r == (Record{}) {
			return
		}
		line, err := r.line()
		if err != nil {
			return // our own line was shorter: the checksum says that we wrote it, and a fuzzer can compute it
		}
		again, _, err := parseRecord(line)
		if err != nil || !cmp.Equal(r, again) {
			t.Fatalf("%+v, %v, want %+v", again, err, r)
		}
	})
}

// FuzzLine starts from the fields, because bytes with a right checksum are hard to find.
func FuzzLine(f *testing.F) {
	f.Add("instance-1", "node1", 4711, uint64(3), uint64(4), int64(1))
	f.Add("\"}<&>\u2028 \x7f", "", -1, uint64(1<<63), uint64(0), int64(-1))
	f.Fuzz(func(t *testing.T, instance, host string, pid int, epoch, beat uint64, since int64) {
		instance, host = strings.ToValidUTF8(instance, "?"), strings.ToValidUTF8(host, "?")
		r := Record{Instance: instance, Host: host, PID: pid, Epoch: epoch, Beat: beat,
			Since: time.Unix(0, since).UTC(), Primitive: primitive}
		line, err := r.line()
		if err != nil {
			return
		}
		got, _, err := parseRecord(line)
		if err != nil || !cmp.Equal(r, got) {
			t.Fatalf("%+v, %v, want %+v", got, err, r)
		}
	})
}
