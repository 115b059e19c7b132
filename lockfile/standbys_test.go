package lockfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func mustList(t *testing.T, path string) []Standby {
	t.Helper()
	all, err := Standbys(path)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestStandbyIsListedUntilItWithdraws: while it waits, also of a holder in the same process.
func TestStandbyIsListedUntilItWithdraws(t *testing.T) {
	path := lockPath(t)
	mustTake(t, path, quick())
	if all := mustList(t, path); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	a, err := Announce(path, Standby{Instance: "second", Format: 7})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // to be looked at does no harm
		want := []Standby{{Instance: "second", Host: host, PID: os.Getpid(), Format: 7}}
		if all := mustList(t, path); !slices.Equal(all, want) {
			t.Errorf("%+v, want %+v", all, want)
		}
	}
	if err := a.Withdraw(); err != nil {
		t.Error(err)
	}
	if all := mustList(t, path); len(all) != 0 {
		t.Errorf("withdrawn: %+v", all)
	}
	if left, err := os.ReadDir(standbysDir(path)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestStandbyIsListedWhateverItsName: an instance could not announce itself when its name holds what a file's may not, and
// under Windows one with a colon was not seen.
func TestStandbyIsListedWhateverItsName(t *testing.T) {
	for _, instance := range []string{"node1:1414", "a/b", "..", "a\x00b", `"*?<>|`, "Grün", strings.Repeat("ü", maxInstance/2)} {
		path := lockPath(t)
		a, err := Announce(path, Standby{Instance: instance})
		if err != nil {
			t.Errorf("%q: %v", instance, err)
			continue
		}
		if all := mustList(t, path); len(all) != 1 || all[0].Instance != instance || !a.Stands() {
			t.Errorf("%q: %+v", instance, all)
		}
		entries, err := os.ReadDir(standbysDir(path))
		if err != nil || len(entries) != 1 || strings.ContainsFunc(entries[0].Name(), func(r rune) bool { return inName(r) != r }) {
			t.Errorf("%q: %v, %v", instance, entries, err)
		}
		if err := a.Withdraw(); err != nil {
			t.Errorf("%q: %v", instance, err)
		}
	}
}

// TestStandbySaysWhenItIsReady, and when it is not any more. An earlier release reads the rest of what it says.
func TestStandbySaysWhenItIsReady(t *testing.T) {
	path := lockPath(t)
	a, err := Announce(path, Standby{Instance: "second", Format: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Withdraw()
	for _, ready := range []bool{false, true, true, false, true} {
		if err := a.SetReady(ready); err != nil {
			t.Fatal(err)
		}
		if all := mustList(t, path); len(all) != 1 || all[0].Ready != ready || all[0].Format != 7 {
			t.Errorf("ready %t: %+v", ready, all)
		}
	}
}

// TestStandbySaysAgainWhatItCouldNotSay: a disk that was full, or away, does not keep a word for said that was not.
func TestStandbySaysAgainWhatItCouldNotSay(t *testing.T) {
	path := lockPath(t)
	a, err := Announce(path, Standby{Instance: "second", Ready: true})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Withdraw()
	good := a.file
	if a.file, err = os.Open(a.name); err != nil { // nothing can be written
		t.Fatal(err)
	}
	if err := a.SetReady(false); err == nil {
		t.Error("said to a file that cannot be written")
	}
	if err := a.file.Close(); err != nil {
		t.Fatal(err)
	}
	a.file = good
	if err := a.SetReady(false); err != nil {
		t.Error(err)
	}
	if all := mustList(t, path); len(all) != 1 || all[0].Ready {
		t.Errorf("%+v", all)
	}
}

// TestAnnouncementThatWasRemovedDoesNotStand, and is withdrawn without an error.
func TestAnnouncementThatWasRemovedDoesNotStand(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows removes no file that is open")
	}
	path := lockPath(t)
	a, err := Announce(path, Standby{Instance: "second"})
	if err != nil {
		t.Fatal(err)
	}
	if !a.Stands() {
		t.Error("it does not stand")
	}
	if err := os.RemoveAll(standbysDir(path)); err != nil {
		t.Fatal(err)
	}
	if a.Stands() {
		t.Error("it stands where nobody can see it")
	}
	if err := a.Withdraw(); err != nil {
		t.Error(err)
	}
}

// TestStandbysAreSeenBesideWhatCannotBeRead: one stray directory hid all of them.
func TestStandbysAreSeenBesideWhatCannotBeRead(t *testing.T) {
	path := lockPath(t)
	a, err := Announce(path, Standby{Instance: "second", Ready: true})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Withdraw()
	for _, name := range []string{"0", "z"} { // before and after it
		if err := os.Mkdir(filepath.Join(standbysDir(path), name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	all, err := Standbys(path)
	if err == nil || len(all) != 1 || all[0].Instance != "second" {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestWordOfAStandbyIsNeverHalfAWord: it is read while it is written, without the fsync that makes that rare. Some of so many looks
// find the beginning of one word and the end of the other, which then stood for an instance of an earlier release.
func TestWordOfAStandbyIsNeverHalfAWord(t *testing.T) {
	path := lockPath(t)
	a, err := Announce(path, Standby{Instance: "second", Format: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Withdraw()
	over, said := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(said)
		for {
			select {
			case <-over:
				return
			default:
			}
			a.standby.Ready = !a.standby.Ready
			if err := a.write(); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	seen, looks := map[bool]int{}, 30000
	if runtime.GOOS == "windows" {
		looks = 1000 // Wine keeps open what has been looked at, while the file is locked
	}
	for n := 0; n < looks || seen[true] < 500 || seen[false] < 500; n++ {
		s, lives, err := standby(a.name)
		if err != nil || !lives || s.Instance != "second" || s.Format != 7 {
			t.Errorf("look %d: %+v, %t, %v", n, s, lives, err)
			break
		}
		seen[s.Ready]++
	}
	close(over)
	<-said
}

// TestStandbyThatEndedIsNotListed: what a killed process leaves is a file that nobody has locked.
func TestStandbyThatEndedIsNotListed(t *testing.T) {
	path := lockPath(t)
	a, err := Announce(path, Standby{Instance: "lives", Format: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Withdraw()
	dead := filepath.Join(standbysDir(path), "dead.0")
	if err := os.WriteFile(dead, []byte(`{"instance":"dead","format":1}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if all := mustList(t, path); len(all) != 1 || all[0].Instance != "lives" {
		t.Errorf("%+v", all)
	}
}

// TestNextStandbyRemovesWhatKilledOnesLeft, or the directory would grow with each kill.
func TestNextStandbyRemovesWhatKilledOnesLeft(t *testing.T) {
	path := lockPath(t)
	dead := filepath.Join(standbysDir(path), "dead.0")
	if err := errors.Join(os.Mkdir(standbysDir(path), 0o755), os.WriteFile(dead, []byte("{}"), 0o644)); err != nil {
		t.Fatal(err)
	}
	a, err := Announce(path, Standby{Instance: "next", Format: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Withdraw()
	if _, err := os.Stat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

// TestStandbyWhoseWordsAreNotUnderstoodCounts: with its name, and without a format.
func TestStandbyWhoseWordsAreNotUnderstoodCounts(t *testing.T) {
	path := lockPath(t)
	a, err := Announce(path, Standby{Instance: "x", Format: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Withdraw()
	files, err := os.ReadDir(standbysDir(path))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	if err := os.WriteFile(filepath.Join(standbysDir(path), files[0].Name()), []byte("{torn"), 0o644); err != nil {
		t.Fatal(err)
	}
	if all := mustList(t, path); len(all) != 1 || all[0] != (Standby{Instance: files[0].Name()}) {
		t.Errorf("%+v", all)
	}
}

// TestStandbyIsListedHoweverOftenItIsLookedFor: Standbys removes files that nobody has locked, and finds some of them
// between their creation and their lock.
func TestStandbyIsListedHoweverOftenItIsLookedFor(t *testing.T) {
	path := lockPath(t)
	over, looked := make(chan struct{}), make(chan int)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-over:
				looked <- n
				return
			default:
				if _, err := Standbys(path); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	for range 500 {
		a, err := Announce(path, Standby{Instance: "x", Format: 3})
		if err != nil {
			t.Fatal(err)
		}
		all := mustList(t, path)
		if !slices.ContainsFunc(all, func(s Standby) bool { return s.Format == 3 }) {
			t.Fatalf("not listed: %+v", all)
		}
		if err := a.Withdraw(); err != nil {
			t.Fatal(err)
		}
	}
	close(over)
	t.Logf("looked for %d times", <-looked)
}

// TestStandbyWithoutADirectoryIsAnError: its disk is not mounted, and none is made below the mount point.
func TestStandbyWithoutADirectoryIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gone", "agent.lck")
	if _, err := Announce(path, Standby{Instance: "x"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("announced where there is no disk: %v", err)
	}
	if all := mustList(t, path); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}
