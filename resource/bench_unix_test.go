//go:build unix

package resource_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/resource"
	"golang.org/x/sys/unix"
)

// BenchmarkThousandPolled measures the processor time of the checks of a thousand resources that answer
// at once. An iteration is what happens in 5 s with the default intervals, LooksAlive of all and a
// twelfth of the IsAlive, squeezed into 25 ms. The metric is that time spread over the 5 s.
func BenchmarkThousandPolled(b *testing.B) {
	const squeeze = 200
	var looks, is atomic.Int64
	count := func(n *atomic.Int64) func(context.Context) error {
		return func(context.Context) error { n.Add(1); return nil }
	}
	specs := layers(1000, 10)
	for i := range specs {
		specs[i].Resource = resource.Funcs{OnLooksAlive: count(&looks), OnIsAlive: count(&is)}
		specs[i].Policy = resource.Policy{LooksAlivePoll: 5 * time.Second / squeeze, IsAlivePoll: time.Minute / squeeze}
	}
	g, err := resource.NewGroup(resource.Options{}, specs...)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	online, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- g.Run(ctx, func() { close(online) }) }()
	<-online
	begun, first := processorTime(b), looks.Load()+is.Load()
	b.ResetTimer()
	tick := time.NewTicker(5 * time.Second / squeeze)
	defer tick.Stop()
	for range b.N {
		<-tick.C
	}
	b.StopTimer()
	used, checks := processorTime(b)-begun, looks.Load()+is.Load()-first
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	perCheck := float64(used) / float64(checks)
	b.ReportMetric(perCheck, "cpu-ns/check")
	const checksPerSecond = 1000 * (1.0/5 + 1.0/60)
	b.ReportMetric(perCheck*checksPerSecond/1e9*100, "%core")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
