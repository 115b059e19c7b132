package lockfile

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// Standby is what an instance that waits for the lock says of itself.
type Standby struct {
	Instance string `json:"instance"` // as in Options
	Host     string `json:"host"`
	PID      int    `json:"pid"`
	// Format is the newest format of what the lock guards that this instance can read. 0: it does not say.
	Format int `json:"format,omitempty"`
	// Ready: what it needs besides the lock is at hand, as far as it can tell, such as a server that it talks to.
	Ready bool `json:"ready,omitempty"`
}

// Announcement is the word of an instance that waits for a lock. Its methods are called by one goroutine at a time.
type Announcement struct {
	standby Standby
	file    *os.File
	name    string
	size    int
	unsaid  bool // standby may not be what the file says
}

// announcementBytes is how long the file is at least. It is filled with blanks, so that a later word takes one write.
const announcementBytes = 512

func standbysDir(path string) string { return path + ".standbys" }

// Announce tells the holder of the lock at path that the instance s waits for it, until Withdraw is called or the process
// ends. Host and PID are filled in. It is a file path.standbys/INSTANCE.RANDOM, with other characters than letters, digits,
// hyphens and dots replaced, that is locked for so long, and so as good as locks are. It decides nothing about the lock.
func Announce(path string, s Standby) (*Announcement, error) {
	self, err := identity(s.Instance)
	if err != nil {
		return nil, wrap(err)
	}
	s.Instance, s.Host, s.PID = self.Instance, self.Host, self.PID
	if err := makeDir(standbysDir(path)); err != nil {
		return nil, wrap(err)
	}
	// Standbys removes a file that nobody has locked, such as one that is new. Then another is made, and never under
	// a name that was there before: what is removed by name late must not be a later file.
	err = errTaken
	for n := 0; errors.Is(err, errTaken) && n < 100; n++ {
		name := filepath.Join(standbysDir(path), strings.Map(inName, self.Instance)+"."+strings.ToLower(rand.Text()))
		a := &Announcement{standby: s, name: name}
		if err = a.begin(); err == nil {
			_, _ = Standbys(path) // removes what killed instances left; what cannot be removed now does no harm
			return a, nil
		}
	}
	return nil, wrap(err)
}

// inName leaves what every file system takes in a name for what it is. On Windows a colon would lead into another file's
// stream, whose lock is not that of the file which is listed.
func inName(r rune) rune {
	if r == '-' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
		return r
	}
	return '_'
}

func (a *Announcement) begin() error {
	f, err := os.OpenFile(a.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	a.file = f
	err = a.write()
	got := false
	if err == nil {
		got, err = tryLock(f)
	}
	if err == nil && !(got && named(f, a.name)) {
		err = errTaken
	}
	if err != nil {
		return errors.Join(err, f.Close(), removeClosed(a.name))
	}
	return nil
}

// write is one call, so that whoever reads meanwhile finds the one word or the other, or for a moment the beginning of one and
// the end of the other: Linux copies without a lock that readers take (ext4, tmpfs). That is no JSON, and is read again.
func (a *Announcement) write() error {
	text, err := json.Marshal(a.standby)
	if err != nil {
		return err
	}
	a.size = max(a.size, len(text), announcementBytes)
	_, err = a.file.WriteAt(append(text, bytes.Repeat([]byte(" "), a.size-len(text))...), 0)
	return err
}

// SetReady says that what the instance needs besides the lock is at hand, or is not any more (Standby.Ready). It costs an
// fsync: without one the other clients of a network file system may not see it. After an error the file says the one or the
// other, until a later call succeeds.
func (a *Announcement) SetReady(ready bool) error {
	if a.standby.Ready == ready && !a.unsaid {
		return nil
	}
	a.standby.Ready = ready
	err := a.write()
	if err == nil {
		err = a.file.Sync()
	}
	if a.unsaid = err != nil; a.unsaid {
		return wrap(err)
	}
	return nil
}

// Stands says whether the announcement can still be seen: somebody may have removed it, or its disk may be another one.
func (a *Announcement) Stands() bool { return named(a.file, a.name) }

// Withdraw ends the announcement.
func (a *Announcement) Withdraw() error {
	err := errors.Join(unlock(a.file), a.file.Close(), removeClosed(a.name)) // Windows removes no file that is open
	if err != nil {
		return wrap(err)
	}
	return nil
}

// removeClosed removes a file that this process does not have open. Where another one has it open to look at it, and
// it therefore stays, it says nothing any more, and a later Standbys removes it.
func removeClosed(name string) error {
	err := os.Remove(name)
	if refusesOpen(err) {
		return nil
	}
	return ignoreMissing(err)
}

var errTaken = errors.New("each file of the announcement was removed before it was locked")

// named says whether an open file still has its name.
func named(f *os.File, name string) bool {
	is, err := f.Stat()
	if err != nil {
		return false
	}
	found, err := os.Lstat(name)
	return err == nil && os.SameFile(is, found)
}

// Standbys lists the instances that wait for the lock at path and have announced themselves. Files of instances that
// ended without a word are removed on the way. One that cannot be read stands for an instance that says nothing but its
// name. Who waits without having announced itself is not listed, such as an instance of a release that does not. With an error
// come those that could be seen all the same; others may wait, too.
func Standbys(path string) ([]Standby, error) {
	entries, err := os.ReadDir(standbysDir(path))
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap(err)
	}
	var all []Standby
	var unseen error // the first; there may be many of the same
	for _, e := range entries {
		s, lives, err := standby(filepath.Join(standbysDir(path), e.Name()))
		if err != nil && unseen == nil {
			unseen = wrap(err)
		}
		if lives {
			all = append(all, s)
		}
	}
	return all, unseen
}

func standby(name string) (s Standby, lives bool, err error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if missing(err) || beingRemoved(err) {
		return s, false, nil // withdrawn meanwhile
	}
	if err != nil {
		return s, false, err
	}
	defer f.Close()
	free, err := tryLock(f)
	if err != nil {
		return s, false, err
	}
	if free {
		return s, false, removeUnused(f, name)
	}
	for range 5 {
		content, err := readRecord(io.NewSectionReader(f, 0, math.MaxInt64))
		if err != nil {
			return Standby{Instance: filepath.Base(name)}, true, err
		}
		if s = (Standby{}); json.Unmarshal(content, &s) == nil {
			return s, true, nil
		}
	}
	return Standby{Instance: filepath.Base(name)}, true, nil
}

// removeUnused removes a file that is locked here, so that nobody announces himself by it. Where an open file cannot be
// removed it has to be closed before: whoever has opened it to announce himself keeps it there by that.
func removeUnused(f *os.File, name string) error {
	err := os.Remove(name)
	if !refusesOpen(err) {
		return errors.Join(unlock(f), ignoreMissing(err))
	}
	return errors.Join(unlock(f), f.Close(), removeClosed(name))
}

func ignoreMissing(err error) error {
	if missing(err) {
		return nil
	}
	return err
}
