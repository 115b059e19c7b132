package mqtest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// One goroutine puts, another gets, as a sending and a receiving agent do.
func BenchmarkStream(b *testing.B) {
	for _, over := range []string{"in process", "TCP"} {
		for _, size := range []int{1 << 10, 64 << 10, 256 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%dKiB", over, size>>10), func(b *testing.B) { stream(b, over == "TCP", size) })
		}
	}
}

func stream(b *testing.B, tcp bool, size int) {
	qm := mqtest.New(b, mqtest.Options{MQSC: definitions})
	dialer, endpoint := qm.Dialer(), ""
	if tcp {
		dialer, endpoint = mqtest.TCP{}, serve(b, qm)
	}
	from, to := dial(b, dialer, endpoint, false), dial(b, dialer, endpoint, true)
	credit := make(chan struct{}, 64) // messages on the way, as flow control would have it
	failed := make(chan error, 1)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		m := mqconn.Message{Body: make([]byte, size)}
		for range b.N {
			credit <- struct{}{}
			if err := from.Put(mqconn.Address{Queue: "A"}, &m); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	var m mqconn.Message
	for range b.N {
		if err := to.Get("A", &m, mqconn.GetOptions{Wait: time.Second}); err != nil {
			b.Fatal(err)
		}
		<-credit
	}
	if err := <-failed; err != nil {
		b.Fatal(err)
	}
}

// A persistent message is on disk when Commit returns.
func BenchmarkCommitPersistent(b *testing.B) {
	qm := mqtest.New(b, mqtest.Options{MQSC: definitions, Dir: b.TempDir()})
	c := dial(b, qm.Dialer(), "", true)
	m := mqconn.Message{Body: make([]byte, 1<<10), Persistent: true}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Put(mqconn.Address{Queue: "A"}, &m); err != nil {
			b.Fatal(err)
		}
		if err := c.Commit(); err != nil {
			b.Fatal(err)
		}
		if err := c.Get("A", &m, mqconn.GetOptions{}); err != nil {
			b.Fatal(err)
		}
		if err := c.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}
