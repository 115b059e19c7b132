package lockfile

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/mqha/mqha/internal/core/lease"
)

// lateNames is a disk whose listings do not show the names that were made after the lease was taken.
type lateNames struct {
	files
	made uint64
}

func (d *lateNames) do(ctx context.Context, a lease.Action) outcome {
	o := d.files.do(ctx, a)
	switch a.Op {
	case lease.CreateName:
		d.made = a.Epoch
	case lease.List:
		o.event.Names = slices.DeleteFunc(o.event.Names, func(name uint64) bool { return name > d.made })
	}
	return o
}

// TestSuccessorIsSeenThoughItsNameIsLateAndItsRecordWrittenOver: what was left to tell a holder whose lock was dropped
// is the claim.
func TestSuccessorIsSeenThoughItsNameIsLateAndItsRecordWrittenOver(t *testing.T) {
	path := lockPath(t)
	self, err := identity("old")
	if err != nil {
		t.Fatal(err)
	}
	o := quick()
	o.Heartbeat = o.Deadline / 2
	o.EpochFloor = func(context.Context) (uint64, error) { return 5, nil } // above that of earlierLine
	d := &lateNames{files: files{path: path, self: self, opts: o}}
	l, err := take(t.Context(), path, d, newClock(), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(d.f); err != nil {
		t.Fatal(err)
	}
	next := mustTake(t, path, o)
	for at := int64(0); at < recordSize; at += lineSize {
		if err := writeAt(path, string(earlierLine), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Verify(t.Context()); !errors.Is(err, ErrLost) {
		t.Errorf("verified beside a successor: %v", err)
	}
	mustRelease(t, l)
	if err := next.Verify(t.Context()); err != nil {
		t.Errorf("the successor: %v", err)
	}
	mustRelease(t, next)
}

func TestClaimsOfTheLastEpochsStandBesideEachOther(t *testing.T) {
	path := lockPath(t)
	for range claimPlaces + 3 {
		mustRelease(t, mustTake(t, path, quick()))
	}
	content, err := os.ReadFile(path)
	if err != nil || len(content) != fileSize {
		t.Fatalf("%d bytes, %v", len(content), err)
	}
	claims := parseClaims(content)
	slices.Sort(claims)
	if len(claims) != claimPlaces || claims[0] != 4 || claims[claimPlaces-1] != claimPlaces+3 {
		t.Errorf("claims %v", claims)
	}
}

func TestClaimCountsInItsOwnPlaceOnly(t *testing.T) {
	line, at, err := claim(50)
	if err != nil || len(line) != claimSize || at != recordSize+2*claimSize {
		t.Fatalf("%q at %d, %v", line, at, err)
	}
	for place := range claimPlaces {
		content := bytes.Repeat([]byte{0}, fileSize)
		copy(content[recordSize+place*claimSize:], line)
		if claims := parseClaims(content); slices.Contains(claims, 50) != (place == 2) {
			t.Errorf("place %d: %v", place, claims)
		}
	}
}

// TestFormatOfAClaimStays: releases of one pair read each other's.
func TestFormatOfAClaimStays(t *testing.T) {
	line, _, err := claim(18446744073709551615)
	want := `{"crc32c":"b3876452","epoch":18446744073709551615}` + "             \n"
	if err != nil || string(line) != want {
		t.Errorf("%q, %v, want %q", line, err, want)
	}
}

// TestFileWithAClaimIsOurs: a crash may leave the claim, but not the record.
func TestFileWithAClaimIsOurs(t *testing.T) {
	content := bytes.Repeat([]byte{0}, fileSize)
	line, at, err := claim(7)
	if err != nil {
		t.Fatal(err)
	}
	copy(content[at:], line)
	if r, _, err := parseRecord(content); err != nil || r != (Record{}) {
		t.Errorf("%+v, %v", r, err)
	}
	content[at+20] ^= 1
	if _, _, err := parseRecord(content); !errors.Is(err, ErrForeign) {
		t.Errorf("with a damaged one: %v", err)
	}
}

func FuzzClaims(f *testing.F) {
	for _, epoch := range []uint64{0, 1, 47, 48, 1 << 63} {
		line, at, err := claim(epoch)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(bytes.Repeat([]byte{0}, int(at)), line...))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, epoch := range parseClaims(content) {
			_, at, err := claim(epoch)
			if err != nil || !bytes.HasPrefix(content[at:], []byte(lineStart)) {
				t.Errorf("epoch %d, %v", epoch, err)
			}
		}
	})
}
