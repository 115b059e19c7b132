package sim

import (
	"math/rand/v2"
	"time"

	"github.com/mqha/mqha/internal/core/credit"
	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/send"
)

// plan is what one seed is about: the files, the limits, and how often what goes wrong.
type plan struct {
	sizes []int64  // of the manifest and of the files
	dirs  []uint32 // of the files, by index; 0 is not used
	tree  []uint32 // parent of each directory, by index; 0 is the root
	frame int

	send    send.Config
	receive receive.Config

	queue      credit.Config // of the receiver
	neighbours int           // other transfers that use it
	older      bool          // the receiver grants nothing

	disturbance time.Duration // mean time between crashes and broken connections
	turn        float64       // of the changes of a phase that are followed by a crash
	power       float64       // of the crashes
	drain       float64       // of the disturbances that are an orderly stop
	lose        float64
	truncate    float64
	repeat      float64
	hold        float64       // a message stays in its queue for long
	put         float64       // fails
	io          float64       // a call on a file fails
	late        float64       // a crash was only a stop, and the holder wakes
	vanish      float64       // a source file cannot be read
	cancel      time.Duration // when the sender is told to give up; zero: never
}

func newPlan(rng *rand.Rand) plan {
	p := plan{frame: 1 + rng.IntN(8)}
	p.tree = make([]uint32, 1+rng.IntN(4))
	for d := 1; d < len(p.tree); d++ {
		p.tree[d] = uint32(rng.IntN(d))
	}
	files := rng.IntN(8)
	p.sizes, p.dirs = []int64{1 + rng.Int64N(20)}, []uint32{receive.ManifestDir}
	for range files {
		p.sizes = append(p.sizes, max(0, rng.Int64N(60)-5))
		p.dirs = append(p.dirs, uint32(rng.IntN(len(p.tree))))
	}
	p.send = send.Config{
		Last: uint32(files), CreditBytes: 8 + rng.Int64N(60), CreditFrames: 2 + rng.IntN(12), Buffers: 1 + rng.IntN(4),
		Retry: 50 * time.Millisecond, RetryMax: time.Second, Stall: 200 * time.Millisecond,
	}
	p.receive = receive.Config{
		CheckpointBytes: 1 + rng.Int64N(40), CheckpointFiles: 1 + rng.IntN(4), CheckpointInterval: 20 * time.Millisecond,
		MaxUndurable: 40 + rng.Int64N(40), MaxPending: 4 + rng.IntN(4),
		AckFrames: 1 + rng.IntN(p.send.CreditFrames), AckBytes: 1 + rng.Int64N(p.send.CreditBytes),
	}
	rate := func(most float64) float64 { // a third of the seeds know nothing of each fault
		if rng.IntN(3) == 0 {
			return 0
		}
		return most * rng.Float64()
	}
	p.disturbance = time.Duration(5+rng.IntN(300)) * time.Millisecond
	p.power, p.drain, p.late = rate(1), rate(0.2), rate(1)
	p.lose, p.repeat, p.hold, p.truncate = rate(0.2), rate(0.2), rate(0.1), rate(0.1)
	p.put, p.io, p.vanish, p.turn = rate(0.1), rate(0.15), rate(0.02), rate(0.3)
	if rng.IntN(5) < 2 {
		p.cancel = 1 + time.Duration(rng.ExpFloat64()*float64(300*time.Millisecond))
	}
	source := credit.Limit{Bytes: p.send.CreditBytes * (1 + rng.Int64N(3)), Frames: p.send.CreditFrames * (1 + rng.IntN(3))}
	p.queue = credit.Config{Queue: source.Bytes * (1 + rng.Int64N(2)), Source: source, Idle: 300 * time.Millisecond}
	p.neighbours, p.older = rng.IntN(8), rng.IntN(5) == 0
	return p
}

// most is what a transfer wants to have in flight, and least what each is granted.
func (p *plan) most() credit.Limit {
	return credit.Limit{Bytes: p.send.CreditBytes, Frames: p.send.CreditFrames}
}

func (p *plan) least() credit.Limit { return credit.Limit{Bytes: int64(p.frame), Frames: 1} }
