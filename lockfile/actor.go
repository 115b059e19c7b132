package lockfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// actor does what Check asks, in the process that asks and in the helper alike: both sides of each
// probe are the same code.
type actor struct {
	root   *os.Root
	dir    string // of root; absolute
	locked map[string]*os.File
	leases []*Lease
}

// request is one line of JSON to a helper, reply one line back.
type request struct {
	Do    string `json:"do"`
	Name  string `json:"name,omitempty"` // below the directory
	Text  string `json:"text,omitempty"`
	Count int    `json:"count,omitempty"`
	Side  int    `json:"side,omitempty"` // of a probe that both sides do at once: 0 or 1

	Patience time.Duration `json:"patience,omitempty"` // with what should happen at once
}

type reply struct {
	Error  string `json:"error,omitempty"`
	Got    bool   `json:"got,omitempty"` // lock: it was free. move: it failed because the file is open
	Text   string `json:"text,omitempty"`
	Which  []int  `json:"which,omitempty"`
	Epoch  uint64 `json:"epoch,omitempty"`
	Unlike string `json:"unlike,omitempty"` // what a file system that can carry a lock does not do
}

// scratchPrefix begins the name of everything that Check touches.
const scratchPrefix = ".lockcheck-"

func newActor(dir string) (*actor, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &actor{root: root, dir: dir, locked: make(map[string]*os.File)}, nil
}

func (a *actor) do(q request) reply {
	names := []string{q.Name}
	switch q.Do {
	case "move", "claim", "count", "blocks":
		names = append(names, q.Text)
	}
	for _, name := range names {
		local := filepath.FromSlash(name)
		// Clean: ".lockcheck-1.epochs/../agent.lck" begins well and is local, too.
		if !strings.HasPrefix(name, scratchPrefix) || !filepath.IsLocal(local) || filepath.Clean(local) != local {
			return reply{Error: fmt.Sprintf("%q is not a name of this check", name)}
		}
	}
	r, err := a.act(q)
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

func (a *actor) act(q request) (reply, error) {
	switch q.Do {
	case "lock":
		got, err := a.lock(q.Name)
		return reply{Got: got}, err
	case "unlock":
		return reply{}, unlock(a.locked[q.Name])
	case "put":
		return reply{}, a.put(q.Name, q.Text)
	case "get":
		content, err := a.root.ReadFile(q.Name)
		return reply{Text: string(content)}, err
	case "move":
		err := a.root.Rename(q.Name, q.Text)
		return reply{Got: refusesOpen(err)}, err
	case "claim":
		return a.claim(q)
	case "count":
		return reply{}, a.count(q)
	case "replace":
		return reply{}, a.replace(q)
	case "watch":
		return a.watch(q)
	case "blocks":
		return reply{}, a.blocks(q)
	case "acquire":
		return a.acquire(q)
	}
	return reply{}, fmt.Errorf("unknown request %q", q.Do)
}

// lock tries once, with one descriptor for each name.
func (a *actor) lock(name string) (bool, error) {
	f := a.locked[name]
	if f == nil {
		var err error
		if f, err = a.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
			return false, err
		}
		a.locked[name] = f
	}
	return tryLock(f)
}

// put makes a file durable, but not its name.
func (a *actor) put(name, text string) error {
	f, err := a.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// meet returns when the file that starts both sides is there.
func (a *actor) meet(q request) error {
	for began := time.Now(); ; {
		_, err := a.root.Stat(q.Text)
		if !missing(err) {
			return err
		}
		if time.Since(began) > q.Patience {
			return fmt.Errorf("the other side's file did not show within %v", q.Patience)
		}
	}
}

// claim creates names that the other side creates at the same time.
func (a *actor) claim(q request) (reply, error) {
	var r reply
	if err := a.meet(q); err != nil {
		return r, err
	}
	for i := range q.Count {
		f, err := a.root.OpenFile(q.Name+strconv.Itoa(i), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		switch {
		case err == nil:
			r.Which = append(r.Which, i)
			err = f.Close()
		case errors.Is(err, os.ErrExist):
			err = nil
		}
		if err != nil {
			return r, err
		}
		time.Sleep(time.Microsecond) // gives a processor away that both sides have to share
	}
	return r, nil
}

// count adds to a number in a file, each time under the lock and with a descriptor of its own.
func (a *actor) count(q request) error {
	if err := a.meet(q); err != nil {
		return err
	}
	for range q.Count {
		if err := a.countOnce(q); err != nil {
			return err
		}
	}
	return nil
}

func (a *actor) countOnce(q request) error {
	f, err := a.root.OpenFile(q.Name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	for began := time.Now(); ; {
		got, err := tryLock(f)
		if err != nil {
			return err
		}
		if got {
			break
		}
		if time.Since(began) > q.Patience {
			return fmt.Errorf("no lock within %v, though the other side holds it for moments only", q.Patience)
		}
		if err := pause(context.Background(), 2*time.Millisecond); err != nil {
			return err
		}
	}
	content, err := a.root.ReadFile(q.Name)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return err
	}
	_, err = f.WriteAt(fmt.Appendf(nil, "%9d\n", n+1), 0)
	return errors.Join(err, f.Sync(), unlock(f))
}

// version is a file's content that shows whether it is whole.
func version(n int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%7d\n", n), 512) }

// replace renames new versions of a file over it, 1 to Count.
func (a *actor) replace(q request) error {
	for n := 1; n <= q.Count; n++ {
		next := q.Name + ".next"
		if err := a.put(next, string(version(n))); err != nil {
			return err
		}
		began := time.Now()
		err := a.root.Rename(next, q.Name)
		for refusesOpen(err) && time.Since(began) < q.Patience { // the other side is reading it
			err = a.root.Rename(next, q.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// watch reads the file again and again until version Count is there.
func (a *actor) watch(q request) (reply, error) {
	for began := time.Now(); time.Since(began) < q.Patience; {
		content, err := a.root.ReadFile(q.Name)
		if missing(err) {
			return reply{Unlike: "for a moment there was neither the old file nor the new one"}, nil
		}
		if err != nil {
			continue // a file that is replaced while it is read: NFS says ESTALE
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(content[:min(8, len(content))])))
		if err != nil || !bytes.Equal(content, version(n)) {
			return reply{Unlike: fmt.Sprintf("for a moment the file was incomplete: %d bytes", len(content))}, nil
		}
		if n == q.Count {
			return reply{}, nil
		}
	}
	return reply{Unlike: fmt.Sprintf("the last version did not show within %v", q.Patience)}, nil
}

const blockSize = 4096

// block is what a side writes into its place number i.
func block(side, i int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%7d\n", 2*i+side), blockSize/8)
}

// blocks writes every second block of a file; the other side writes the others.
func (a *actor) blocks(q request) error {
	if err := a.meet(q); err != nil {
		return err
	}
	f, err := a.root.OpenFile(q.Name, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	order := rand.Perm(q.Count)
	for _, i := range order {
		if _, err := f.WriteAt(block(q.Side, i), int64(2*i+q.Side)*blockSize); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(f.Sync(), f.Close())
}

// acquire takes a lease and keeps it until the process ends.
func (a *actor) acquire(q request) (reply, error) {
	l, err := TryAcquire(filepath.Join(a.dir, q.Name), Options{Instance: q.Text})
	if err != nil {
		return reply{}, err
	}
	a.leases = append(a.leases, l)
	return reply{Epoch: l.Epoch()}, nil
}

func (a *actor) close() error {
	var errs []error
	for _, l := range a.leases {
		errs = append(errs, l.Release(context.Background()))
	}
	for _, f := range a.locked {
		errs = append(errs, f.Close())
	}
	return errors.Join(append(errs, a.root.Close())...)
}
