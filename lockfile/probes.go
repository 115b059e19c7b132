package lockfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

func (c *checking) name(name string) string { return filepath.Join(c.scratch, name) }

// ok turns a reply into an error.
func (r reply) ok(who string) error {
	switch {
	case r.Error != "":
		return fmt.Errorf("%s: %s", who, r.Error)
	case r.Unlike != "":
		return errors.New(r.Unlike)
	}
	return nil
}

const (
	thisSide  = "this process"
	otherSide = "the helper"
)

// both has both sides do q, whose Text names the file that starts them, at the same time.
func (c *checking) both(q request) (here, there reply, err error) {
	q.Name, q.Text, q.Patience = c.name(q.Name), c.name(q.Name+".go"), c.patience
	theirs := q
	theirs.Side = 1
	c.there.send(theirs) // it waits for the file
	start := c.here.do(request{Do: "put", Name: q.Text})
	if start.Error == "" {
		here = c.here.do(q)
	}
	there = c.there.receive()
	return here, there, errors.Join(start.ok(thisSide), here.ok(thisSide), there.ok(otherSide))
}

// sameDirectory is the first, and without it there is nothing to find out.
const sameDirectory = "both sides see the same directory"

func (c *checking) sameDirectory() (string, error) {
	name := c.name("same")
	if err := c.here.put(name, name); err != nil {
		return "", err
	}
	began := time.Now()
	for {
		r := c.there.do(request{Do: "get", Name: name})
		if r.Text == name {
			return "", nil
		}
		if time.Since(began) > c.patience/6 {
			return "", fmt.Errorf("a file that was created here is not there: %w", r.ok(otherSide))
		}
	}
}

func (c *checking) sameKind() (string, error) {
	if other := c.there.hello.Primitive; other != primitive {
		return "", fmt.Errorf("here it is %q, on the other side %q, and they do not exclude each other", primitive, other)
	}
	return primitive, nil
}

// expectLock asks one side for the lock.
func expectLock(side interface{ do(request) reply }, who, name string, want bool) error {
	r := side.do(request{Do: "lock", Name: name})
	switch {
	case r.Error != "":
		return r.ok(who)
	case r.Got && !want:
		return fmt.Errorf("%s got the lock while it was held", who)
	case !r.Got && want:
		return fmt.Errorf("%s did not get the lock while it was free", who)
	}
	return nil
}

func (c *checking) processesExclude() (string, error) {
	name := c.name("exclude")
	free := request{Do: "unlock", Name: name}
	for range 20 {
		err := expectLock(c.here, thisSide, name, true)
		if err == nil {
			err = expectLock(c.there, otherSide, name, false)
		}
		if err == nil {
			err = c.here.do(free).ok(thisSide)
		}
		if err == nil {
			err = expectLock(c.there, otherSide, name, true)
		}
		if err == nil {
			err = expectLock(c.here, thisSide, name, false)
		}
		if err == nil {
			err = c.there.do(free).ok(otherSide)
		}
		if err != nil {
			return "", err
		}
	}
	return "20 times each way", nil
}

func (c *checking) descriptorsExclude() (string, error) {
	name := c.name("descriptors")
	if err := expectLock(c.here, thisSide, name, true); err != nil {
		return "", err
	}
	second, err := newActor(c.here.dir)
	if err != nil {
		return "", err
	}
	err = expectLock(second, "a second descriptor of this process", name, false)
	if err := errors.Join(err, second.close()); err != nil {
		return "", err
	}
	return "and closing one keeps the lock of the other", expectLock(c.there, otherSide, name, false)
}

// identities: a lock on a file that is no longer at its path has to be noticed.
func (c *checking) identities() (string, error) {
	name, other := c.name("identity"), c.name("identity.new")
	if err := c.here.do(request{Do: "put", Name: name}).ok(thisSide); err != nil {
		return "", err
	}
	f, err := c.here.root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for range 20 {
		if same, err := c.isAt(name, f); err != nil || !same {
			return "", errors.Join(err, errors.New("the same file, opened twice, looks like two"))
		}
	}
	if err := c.there.do(request{Do: "put", Name: other}).ok(otherSide); err != nil {
		return "", err
	}
	moved := c.there.do(request{Do: "move", Name: other, Text: name})
	if moved.Got {
		return "an open file cannot be replaced here", nil
	}
	if err := moved.ok(otherSide); err != nil {
		return "", err
	}
	began := time.Now()
	for {
		same, err := c.isAt(name, f)
		if err == nil && !same {
			return fmt.Sprintf("after %v", time.Since(began).Round(time.Microsecond)), nil
		}
		if err == nil {
			err = errors.New("a file that the helper has replaced looks like the old one")
		}
		if time.Since(began) > c.patience/6 { // until then: cached names, and ESTALE
			return "", err
		}
	}
}

func (c *checking) isAt(name string, f *os.File) (bool, error) {
	fresh, err := c.here.root.Open(name)
	if err != nil {
		return false, err
	}
	defer fresh.Close()
	return sameFile(fresh, f)
}

func (c *checking) fsync() (string, error) {
	f, err := c.here.root.Create(c.name("fsync"))
	if err != nil {
		return "", err
	}
	defer f.Close()
	var files, dirs []time.Duration
	for range 20 {
		if _, err := f.WriteAt(block(0, 0), 0); err != nil {
			return "", err
		}
		began := time.Now()
		if err := f.Sync(); err != nil {
			return "", err
		}
		files = append(files, time.Since(began))
		began = time.Now()
		if err := syncDir(filepath.Join(c.here.dir, c.scratch)); err != nil {
			return "", err
		}
		dirs = append(dirs, time.Since(began))
	}
	slices.Sort(files)
	slices.Sort(dirs)
	return fmt.Sprintf("file: median %v, longest %v; directory: median %v", files[10].Round(time.Microsecond),
		files[19].Round(time.Microsecond), dirs[10].Round(time.Microsecond)), nil
}

// rounds of two sides that do the same until they have met: one may be so fast that it has ended
// before the other begins.
const rounds = 10

func (c *checking) exclusiveCreate() (string, error) {
	const count = 200
	for round := range rounds {
		here, there, err := c.both(request{Do: "claim", Name: fmt.Sprintf("claim%d-", round), Count: count})
		if err != nil {
			return "", err
		}
		all := slices.Sorted(slices.Values(slices.Concat(here.Which, there.Which)))
		for i := range count {
			if i >= len(all) || all[i] != i {
				return "", fmt.Errorf("name %d was not created by exactly one of the two", i)
			}
		}
		if len(all) != count {
			return "", fmt.Errorf("%d names created %d times", count, len(all))
		}
		if len(here.Which) > 0 && len(there.Which) > 0 {
			return fmt.Sprintf("%d names: %d here, %d there", count, len(here.Which), len(there.Which)), nil
		}
	}
	return "", errors.New("the two never created names at the same time, so that nothing was proven")
}

func (c *checking) atomicRename() (string, error) {
	const count = 100
	name := c.name("replaced")
	if err := c.here.put(name, string(version(0))); err != nil {
		return "", err
	}
	c.there.send(request{Do: "watch", Name: name, Count: count, Patience: c.patience})
	here := c.here.do(request{Do: "replace", Name: name, Count: count, Patience: c.patience})
	there := c.there.receive()
	return fmt.Sprintf("%d versions", count), errors.Join(here.ok(thisSide), there.ok(otherSide))
}

func (c *checking) concurrentWriters() (string, error) {
	const count = 128
	if _, _, err := c.both(request{Do: "blocks", Name: "blocks", Count: count}); err != nil {
		return "", err
	}
	content, err := c.here.root.ReadFile(c.name("blocks"))
	if err != nil {
		return "", err
	}
	there := c.there.do(request{Do: "get", Name: c.name("blocks")})
	if err := there.ok(otherSide); err != nil {
		return "", err
	}
	var want []byte
	for i := range count {
		want = append(append(want, block(0, i)...), block(1, i)...)
	}
	if string(content) != string(want) || there.Text != string(want) {
		return "", fmt.Errorf("blocks are missing or wrong after both sides have written and synced theirs: %d bytes here, %d there",
			len(content), len(there.Text))
	}
	return fmt.Sprintf("%d blocks of %d bytes", 2*count, blockSize), nil
}

func (c *checking) counter() (string, error) {
	const count = 50
	if err := c.here.put(c.name("counter"), fmt.Sprintf("%9d\n", 0)); err != nil {
		return "", err
	}
	if _, _, err := c.both(request{Do: "count", Name: "counter", Count: count}); err != nil {
		return "", err
	}
	want := fmt.Sprintf("%9d\n", 2*count)
	there := c.there.do(request{Do: "get", Name: c.name("counter")})
	content, err := c.here.root.ReadFile(c.name("counter"))
	if err := errors.Join(err, there.ok(otherSide)); err != nil {
		return "", err
	}
	if string(content) != want || there.Text != want {
		return "", fmt.Errorf("counted to %q here and %q there, not to %q: updates were lost", content, there.Text, want)
	}
	return fmt.Sprintf("%d updates", 2*count), nil
}

// listing also tells how old a listing is that a network file system gives.
func (c *checking) listing() (string, error) {
	dir := filepath.Join(c.here.dir, c.scratch)
	if _, err := os.ReadDir(dir); err != nil { // so that there is an old one
		return "", err
	}
	if err := c.there.do(request{Do: "put", Name: c.name("listed")}).ok(otherSide); err != nil {
		return "", err
	}
	for began := time.Now(); time.Since(began) < c.patience; {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "listed" }) {
			return fmt.Sprintf("after %v", time.Since(began).Round(time.Microsecond)), nil
		}
	}
	return "", fmt.Errorf("a file that the helper created was not listed within %v", c.patience)
}

// releaseOnKill is last, because the helper is gone then.
func (c *checking) releaseOnKill() (string, error) {
	raw, path := c.name("kill"), filepath.Join(c.here.dir, c.name("agent.lck"))
	if err := expectLock(c.there, otherSide, raw, true); err != nil {
		return "", err
	}
	lease := c.there.do(request{Do: "acquire", Name: c.name("agent.lck"), Text: "helper"})
	if err := lease.ok(otherSide); err != nil {
		return "", err
	}
	second, err := TryAcquire(path, Options{})
	if err == nil {
		return "", errors.Join(errors.New("a lease that the helper holds was granted again"), second.Release(context.Background()))
	}
	var held *HeldError
	if !errors.As(err, &held) || held.Owner.Instance != "helper" {
		return "", fmt.Errorf("a lease that the helper holds: %v", err)
	}
	killed := time.Now()
	if err := c.there.end(); err != nil {
		return "", err
	}
	for got := false; !got; {
		if got, err = c.here.lock(raw); err != nil {
			return "", err
		}
		if time.Since(killed) > c.patience {
			return "", fmt.Errorf("not within %v", c.patience)
		}
	}
	released := time.Since(killed)
	ctx, cancel := context.WithTimeout(context.Background(), c.patience)
	defer cancel()
	next, err := Acquire(ctx, path, Options{})
	if err != nil {
		return "", err
	}
	detail := fmt.Sprintf("after %v; a new lease after %v", released.Round(time.Microsecond), time.Since(killed).Round(time.Microsecond))
	if next.Epoch() <= lease.Epoch {
		err = fmt.Errorf("the new lease has epoch %d after %d", next.Epoch(), lease.Epoch)
	}
	return detail, errors.Join(err, next.Release(ctx))
}
