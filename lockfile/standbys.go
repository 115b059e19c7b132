package lockfile

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Standby is what an instance that waits for the lock says of itself.
type Standby struct {
	Instance string `json:"instance"`
	Host     string `json:"host"`
	PID      int    `json:"pid"`
	// Format is the newest format of what the lock guards that this instance can read. 0: it does not say.
	Format int `json:"format,omitempty"`
}

func standbysDir(path string) string { return path + ".standbys" }

// Announce tells the holder of the lock at path that an instance waits for it and what it can read, until withdraw is
// called or the process ends. It is a file path.standbys/INSTANCE.RANDOM that is locked for so long, and so as good as locks
// are. It decides nothing about the lock.
func Announce(path, instance string, format int) (withdraw func() error, err error) {
	self, err := identity(instance)
	if err != nil {
		return nil, wrap(err)
	}
	text, err := json.Marshal(Standby{Instance: self.Instance, Host: self.Host, PID: self.PID, Format: format})
	if err != nil {
		return nil, wrap(err)
	}
	if err := makeDir(standbysDir(path)); err != nil {
		return nil, wrap(err)
	}
	// Standbys removes a file that nobody has locked, such as one that is new. Then another is made, and never under
	// a name that was there before: what is removed by name late must not be a later file.
	err = errTaken
	for n := 0; errors.Is(err, errTaken) && n < 100; n++ {
		name := filepath.Join(standbysDir(path), filepath.Base(self.Instance)+"."+strings.ToLower(rand.Text()))
		if withdraw, err = announce(name, text); err == nil {
			_, _ = Standbys(path) // removes what killed instances left; what cannot be removed now does no harm
			return withdraw, nil
		}
	}
	return nil, wrap(err)
}

func announce(name string, text []byte) (withdraw func() error, err error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(text)
	got := false
	if err == nil {
		got, err = tryLock(f)
	}
	if err == nil && !(got && named(f, name)) {
		err = errTaken
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), removeClosed(name))
	}
	return func() error {
		err := errors.Join(unlock(f), f.Close(), removeClosed(name)) // Windows removes no file that is open
		if err != nil {
			return wrap(err)
		}
		return nil
	}, nil
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
// name. Who waits without having announced itself is not listed, such as an instance of a release that does not.
func Standbys(path string) ([]Standby, error) {
	entries, err := os.ReadDir(standbysDir(path))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap(err)
	}
	var all []Standby
	for _, e := range entries {
		s, lives, err := standby(filepath.Join(standbysDir(path), e.Name()))
		if err != nil {
			return nil, wrap(err)
		}
		if lives {
			all = append(all, s)
		}
	}
	return all, nil
}

func standby(name string) (s Standby, lives bool, err error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) || beingRemoved(err) {
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
	content, err := readRecord(f)
	if err != nil {
		return s, false, err
	}
	if json.Unmarshal(content, &s) != nil {
		s = Standby{Instance: filepath.Base(name)}
	}
	return s, true, nil
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
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
