package mqtest_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// The soak: so many messages over so many connections, of which a quarter are in process and the others over TCP. One
// of 25 messages is persistent, a third of the connections are cut, and one of four backs out first. With -short, and
// under the race detector, it is a tenth of that.
const (
	soakMessages    = 100_000
	soakConnections = 2_000
	soakAtOnce      = 20 // connections at a time
	soakEach        = soakMessages / soakConnections
	soakWaves       = soakConnections / soakAtOnce
)

// leftovers is what must not grow.
type leftovers struct {
	goroutines, descriptors int
	heap                    uint64
}

func countLeftovers(t *testing.T) (l leftovers) {
	t.Helper()
	runtime.GC() // twice: the pools of bodies survive the first
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	l.heap, l.goroutines = memory.HeapAlloc, runtime.NumGoroutine()
	if runtime.GOOS == "linux" {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		l.descriptors = len(open)
	}
	return l
}

// soakConnection puts its messages and gets as many from a queue of its own.
func soakConnection(c mqconn.Transport, number int) error {
	queue := fmt.Sprintf("SOAK.%d", number%soakAtOnce)
	m := mqconn.Message{Body: make([]byte, 100+number%(8<<10))}
	run := func() error {
		for i := range soakEach {
			m.Persistent = i%25 == 0
			if err := c.Put(mqconn.Address{Queue: queue}, &m); err != nil {
				return err
			}
		}
		return nil
	}
	if number%4 == 0 {
		if err := errors.Join(run(), c.Backout()); err != nil {
			return err
		}
	}
	if err := errors.Join(run(), c.Commit()); err != nil {
		return err
	}
	for range soakEach {
		if err := c.Get(queue, &m, mqconn.GetOptions{}); err != nil {
			return err
		}
	}
	return c.Commit()
}

// soakWave runs connections side by side and ends them.
func soakWave(t *testing.T, qm *mqtest.QueueManager, endpoint string, first int) {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	var cut []mqconn.Transport
	for number := first; number < first+soakAtOnce; number++ {
		dialer := mqconn.Dialer(mqtest.TCP{})
		if number%4 == 3 {
			dialer = qm.Dialer()
		}
		all.Go(func() {
			c, err := dialer.Dial(t.Context(), mqconn.DialOptions{Endpoint: endpoint, Role: "soak", Transacted: true})
			if err != nil {
				t.Error(err)
				return
			}
			if err := soakConnection(c, number); err != nil {
				t.Errorf("connection %d: %v", number, err)
			}
			if number%3 == 0 {
				mu.Lock()
				defer mu.Unlock()
				cut = append(cut, c)
			} else if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	qm.Cut()
	for _, c := range cut {
		wantReason(t, c.Close(), mqrc.ConnectionBroken)
	}
}

func TestSoakLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	definitions := "DEFINE CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN) HBINT(5)\n"
	for i := range soakAtOnce {
		definitions += fmt.Sprintf("DEFINE QLOCAL(SOAK.%d)\n", i)
	}
	qm := mqtest.New(t, mqtest.Options{Dir: dir, MQSC: definitions})
	endpoint := serve(t, qm)
	waves := soakWaves
	if testing.Short() || raceDetector {
		waves /= 10
	}
	goroutines := runtime.NumGoroutine()
	soakWave(t, qm, endpoint, 0)
	before := settled(t, qm, goroutines)
	for wave := 1; wave < waves; wave++ {
		soakWave(t, qm, endpoint, wave*soakAtOnce)
	}
	after := settled(t, qm, goroutines)
	t.Logf("after the first wave %+v, after the last %+v", before, after)
	if after.descriptors > before.descriptors {
		t.Errorf("%d descriptors, before %d", after.descriptors, before.descriptors)
	}
	if after.heap > before.heap+4<<20 {
		t.Errorf("%d bytes on the heap, before %d", after.heap, before.heap)
	}
	counts := qm.ConnectionCounts()
	if len(counts) != 2 || counts[0].Ever+counts[1].Ever != waves*soakAtOnce || counts[0].Open+counts[1].Open != 0 {
		t.Errorf("connections: %+v", counts)
	}
	for _, queue := range qm.Queues() {
		wantDepth(t, qm, queue, 0)
	}
	checkFiles(t, dir)
	if err := qm.Close(); err != nil {
		t.Fatal(err)
	}
	startIn(t, dir)
	if n := size(t, dir+"/messages.log"); n > 100 {
		t.Errorf("the log of no message has %d bytes after a restart", n)
	}
}

// settled waits until connections and goroutines have come to their end, and counts what is left. A goroutine that
// stays makes the test run into its time limit, which shows its stack.
func settled(t *testing.T, qm *mqtest.QueueManager, goroutines int) leftovers {
	t.Helper()
	for connections, held := qm.Handles(); connections+held > 0; connections, held = qm.Handles() {
		yield()
	}
	for runtime.NumGoroutine() > goroutines {
		yield()
	}
	return countLeftovers(t)
}

// checkFiles looks at the data directory: three files, and a log no longer than what it is written anew at.
func checkFiles(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 3 {
		t.Errorf("files: %v", entries)
	}
	if n := size(t, dir+"/messages.log"); n > 64<<20 {
		t.Errorf("the log has %d bytes", n)
	}
}
