package lockfile

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/core/lease"
	"github.com/mqha/mqha/internal/need"
)

// BenchmarkLockCall opens, locks, unlocks and closes, without anything that makes a lease of it. In the same run
// and in turns, another process does that with gofrs/flock: ratio is the median of ours through that of theirs.
func BenchmarkLockCall(b *testing.B) {
	const turns, rounds = 21, 500
	theirs := startFlock(b, filepath.Join(b.TempDir(), "flock.lck"))
	path := lockPath(b)
	b.ReportAllocs()
	for b.Loop() {
		lockOnce(b, path)
	}
	var our, their []float64
	for range turns {
		began := time.Now()
		for range rounds {
			lockOnce(b, path)
		}
		our = append(our, float64(time.Since(began).Nanoseconds())/rounds)
		their = append(their, theirs(rounds)/rounds)
	}
	b.ReportMetric(median(our), "ns/lock")
	b.ReportMetric(median(their), "ns/flock")
	b.ReportMetric(median(our)/median(their), "ratio")
}

func lockOnce(b *testing.B, path string) {
	d := files{path: path}
	if err := d.open(); err != nil {
		b.Fatal(err)
	}
	if got, err := tryLock(d.f); err != nil || !got {
		b.Fatal(got, err)
	}
	if err := unlock(d.f); err != nil {
		b.Fatal(err)
	}
	if err := d.f.Close(); err != nil {
		b.Fatal(err)
	}
}

// startFlock builds testdata/flock, which is a module of its own, and returns what has it do so many rounds.
func startFlock(b *testing.B, path string) func(rounds int) (nanoseconds float64) {
	b.Helper()
	program := filepath.Join(b.TempDir(), "flock.exe")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = filepath.Join("testdata", "flock")
	if out, err := build.CombinedOutput(); err != nil {
		need.Missing(b, "gofrs/flock cannot be built here: %s", out)
	}
	c := exec.Command(program, path)
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		if err := c.Wait(); err != nil {
			b.Error(err)
		}
	})
	answers := bufio.NewReader(out)
	return func(rounds int) (took float64) {
		fmt.Fprintln(in, rounds)
		if _, err := fmt.Fscanln(answers, &took); err != nil {
			b.Fatal(err)
		}
		return took
	}
}

func median(v []float64) float64 { return percentile(v, 50) }

func percentile(v []float64, p int) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[min(len(v)*p/100, len(v)-1)]
}

// countingDisk counts what waits for the disk.
type countingDisk struct {
	files
	syncs int
}

func (d *countingDisk) do(ctx context.Context, a lease.Action) outcome {
	switch a.Op {
	case lease.Sync, lease.SyncNames, lease.SyncParent:
		d.syncs++
	}
	return d.files.do(ctx, a)
}

// BenchmarkAcquireRelease is a whole lease with a durable epoch, and none of its work.
func BenchmarkAcquireRelease(b *testing.B) {
	path := lockPath(b)
	syncs, n := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		d := &countingDisk{files: files{path: path, self: mustIdentity(b)}}
		l, err := take(context.Background(), path, d, newClock(), false, nil)
		if err != nil {
			b.Fatal(err)
		}
		mustRelease(b, l)
		syncs += d.syncs
		n++
	}
	b.ReportMetric(float64(syncs)/float64(n), "fsyncs/op")
}

func mustIdentity(t testing.TB) Record {
	t.Helper()
	self, err := identity("")
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// descriptors counts those of this process; elsewhere than on Linux nobody can be asked, and there are always 0.
func descriptors(b *testing.B) int {
	b.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		b.Fatal(err)
	}
	return len(open)
}

// BenchmarkHeartbeat fails if a heartbeat has more than one fsync, or if the file, the names, the descriptors or the
// goroutines grow.
func BenchmarkHeartbeat(b *testing.B) {
	path := lockPath(b)
	d := &countingDisk{files: files{path: path, self: mustIdentity(b), opts: Options{Heartbeat: time.Hour, Deadline: 2 * time.Hour}}}
	l, err := take(b.Context(), path, d, newClock(), false, nil)
	if err != nil {
		b.Fatal(err)
	}
	before, open, goroutines, n := d.syncs, descriptors(b), runtime.NumGoroutine(), 0
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Verify(b.Context()); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(d.syncs-before)/float64(n), "fsyncs/op")
	if d.syncs-before != n {
		b.Errorf("%d fsyncs of %d heartbeats", d.syncs-before, n)
	}
	if now := descriptors(b); now > open {
		b.Errorf("%d descriptors, %d before", now, open)
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		b.Errorf("%d goroutines, %d before", now, goroutines)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > fileSize {
		b.Errorf("%v, %v", info, err)
	}
	if names, err := listNames(path); err != nil || len(names) != 1 {
		b.Errorf("names %v, %v", names, err)
	}
	mustRelease(b, l)
}

// BenchmarkTakeoverAfterKill takes at least 100 leases over from processes that end by SIGKILL, with default
// options: from the kill until Acquire has returned.
func BenchmarkTakeoverAfterKill(b *testing.B) {
	const least = 100
	path := lockPath(b)
	var took []float64
	for b.Loop() {
		took = append(took, takeover(b, path))
	}
	for len(took) < least {
		took = append(took, takeover(b, path))
	}
	b.ReportMetric(percentile(took, 50), "p50-ms")
	b.ReportMetric(percentile(took, 99), "p99-ms")
	b.ReportMetric(float64(len(took)), "n")
}

func takeover(b *testing.B, path string) (milliseconds float64) {
	b.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), roleVariable+"=patient", pathVariable+"="+path)
	in, err := c.StdinPipe() // or it ends by itself
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "epoch") {
		b.Fatalf("%q, %v", line, err)
	}
	waiting, killed := make(chan struct{}, 1), make(chan time.Time, 1)
	go func() {
		<-waiting
		time.Sleep(rand.N(localPoll)) // at any time between two tries
		killed <- time.Now()
		c.Process.Kill()
	}()
	l, err := Acquire(b.Context(), path, Options{OnEvent: func(e Event) {
		if e.Kind == Waiting {
			waiting <- struct{}{}
		}
	}})
	if err != nil {
		b.Fatal(err)
	}
	milliseconds = float64(time.Since(<-killed).Microseconds()) / 1000
	mustRelease(b, l)
	c.Wait()
	return milliseconds
}

func BenchmarkErr(b *testing.B) {
	l := mustTake(b, lockPath(b), Options{})
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Err(); err != nil {
			b.Fatal(err)
		}
	}
}
