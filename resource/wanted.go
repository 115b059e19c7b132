package resource

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/mqha/mqha/internal/vfs"
)

// SetWanted takes a member offline, or online again, by an operator's wish, and does not wait for it:
// Snapshot and OnEvent show the progress. Members that cannot stay without it go offline with it and
// come back with it. Before Run it says what Run brings online; at first everything is wanted.
//
// Without Options.StateDir a new process starts with everything wanted. With it the wish is durable
// when SetWanted returns nil; on Windows, which flushes no directories, a power failure just after may
// lose it. When it returns an error, which then matches ErrWishes, it has no effect now. The next Run,
// here or elsewhere, may find it all the same when the disk failed at the very end and then let nothing
// be taken back, which the error says, or when a power failure follows. Say what is wanted again when the
// disk is well. It returns ErrUnknown for a name that is not in the group.
func (g *Group) SetWanted(name string, online bool) error {
	i, ok := g.index[name]
	if !ok {
		return fmt.Errorf("%q: %w", name, ErrUnknown)
	}
	g.saving <- struct{}{} // one after the other, or one wish overwrites another
	defer func() { <-g.saving }()
	if g.o.StateDir != "" {
		if err := g.disk.saveWish(g.wishFile(), name, online); err != nil {
			return fmt.Errorf("%w: %w", ErrWishes, err)
		}
	}
	g.mu.Lock()
	g.status[i].Wanted = online
	g.mu.Unlock()
	select {
	case g.wish <- struct{}{}:
	default: // the loop has yet to look, and looks at everything
	}
	return nil
}

func (g *Group) wishFile() string { return filepath.Join(g.o.StateDir, "wanted.json") }

// recall reads at the start of each Run what was wished: meanwhile the group may have been on another
// node.
func (g *Group) recall() error {
	if g.o.StateDir == "" {
		return nil
	}
	g.saving <- struct{}{}
	defer func() { <-g.saving }()
	w, err := readWishes(g.wishFile())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWishes, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.status {
		g.status[i].Wanted = !slices.Contains(w.Offline, g.status[i].Name)
	}
	return nil
}

// wishes is the content of the file. Names that are not in the group are kept: a program that is
// rolled back must not bring online what an operator took offline.
type wishes struct {
	Version int      `json:"version"`
	Offline []string `json:"offline"`
}

const wishesVersion = 1

func readWishes(file string) (wishes, error) {
	w := wishes{Version: wishesVersion}
	text, err := os.ReadFile(file)
	switch {
	case vfs.Missing(err):
		// Nothing was ever wished, or the directory is missing: which must not pass for it.
		_, err = os.Stat(filepath.Dir(file))
		return w, err
	case err != nil:
		return w, err
	}
	if err := json.Unmarshal(text, &w); err != nil {
		return w, fmt.Errorf("%s: %w", file, err)
	}
	if w.Version != wishesVersion {
		return w, fmt.Errorf("%s: version %d, this program knows version %d", file, w.Version, wishesVersion)
	}
	return w, nil
}

// wishDisk is how the file is made durable.
type wishDisk struct {
	sync    func(*os.File) error
	rename  func(from, to string) error
	syncDir func(dir string) error
	remove  func(file string) error
}

func realDisk() wishDisk {
	return wishDisk{sync: (*os.File).Sync, rename: os.Rename, syncDir: syncDir, remove: os.Remove}
}

func (d wishDisk) saveWish(file, name string, online bool) error {
	w, err := readWishes(file)
	if err != nil {
		return err
	}
	w.Offline = slices.DeleteFunc(w.Offline, func(n string) bool { return n == name })
	if !online {
		w.Offline = append(w.Offline, name)
	}
	text, err := json.Marshal(w)
	if err != nil {
		return err
	}
	return d.replace(file, append(text, '\n'))
}

// replace leaves the old or the new content whatever happens, and the new one is durable when it
// returns nil. After an error it is the old one, unless the power fails, too, or the disk stays bad.
func (d wishDisk) replace(file string, text []byte) error {
	old, err := os.ReadFile(file)
	if err != nil && !vfs.Missing(err) {
		return err
	}
	existed := err == nil
	if err := d.write(file, text); err != nil {
		return err
	}
	err = d.syncDir(filepath.Dir(file))
	if err == nil {
		return nil
	}
	var back error
	if existed {
		back = d.write(file, old)
	} else {
		back = d.remove(file)
	}
	if back != nil {
		return fmt.Errorf("%w; the wish may be found again, as it could not be taken back: %w", err, back)
	}
	return err
}

func (d wishDisk) write(file string, text []byte) error {
	f, err := os.OpenFile(file+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = d.sync(f)
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = d.rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, d.remove(f.Name()))
	}
	return nil
}
