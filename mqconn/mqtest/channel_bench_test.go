package mqtest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// How a queue in this process compares with what is fastest in Go: a channel of buffers that are used again, into which
// each message is copied once. Both are measured in turn, and the medians of all rounds are compared, because the
// machine has other things to do. The queue copies twice: out of the sender's memory and into the receiver's.
func BenchmarkQueueAgainstChannel(b *testing.B) {
	const size, messages, fewest = 256 << 10, 400, 7
	queue, channel := newQueueStream(b, size), newChannelStream(size)
	defer channel.close()
	var ofQueue, ofChannel []time.Duration
	round := func() {
		ofQueue = append(ofQueue, timed(func() { queue.run(b, messages) }))
		ofChannel = append(ofChannel, timed(func() { channel.run(messages) }))
	}
	round() // fills the pools
	ofQueue, ofChannel = nil, nil
	for b.Loop() {
		round()
	}
	b.StopTimer()
	for len(ofQueue) < fewest {
		round()
	}
	rate := func(all []time.Duration) float64 { return size * messages / median(all).Seconds() }
	b.ReportMetric(rate(ofQueue)/rate(ofChannel), "of-channel")
	b.ReportMetric(rate(ofQueue)/1e6, "queue-MB/s")
	b.ReportMetric(rate(ofChannel)/1e6, "channel-MB/s")
	b.ReportMetric(float64(len(ofQueue)), "rounds")
	b.ReportMetric(0, "ns/op") // of a round of both, which says nothing
}

func timed(work func()) time.Duration {
	begun := time.Now()
	work()
	return time.Since(begun)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// underWay is how many messages are between sender and receiver at most, in both.
const underWay = 16

// queueStream is a sender and a receiver on two connections.
type queueStream struct {
	from, to mqconn.Transport
	in, out  mqconn.Message
	credit   chan struct{}
}

func newQueueStream(b *testing.B, size int) *queueStream {
	qm := mqtest.New(b, mqtest.Options{MQSC: definitions})
	return &queueStream{
		from: dial(b, qm.Dialer(), "", false), to: dial(b, qm.Dialer(), "", false),
		in: mqconn.Message{Body: make([]byte, size)}, credit: make(chan struct{}, underWay),
	}
}

func (s *queueStream) run(b *testing.B, messages int) {
	sent := make(chan error, 1)
	go func() {
		for range messages {
			s.credit <- struct{}{}
			if err := s.from.Put(mqconn.Address{Queue: "A"}, &s.in); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for range messages {
		if err := s.to.Get("A", &s.out, mqconn.GetOptions{Wait: time.Second}); err != nil {
			b.Fatal(err)
		}
		<-s.credit
	}
	if err := <-sent; err != nil {
		b.Fatal(err)
	}
}

// channelStream is the same with a channel.
type channelStream struct {
	message    []byte
	full, free chan []byte
}

func newChannelStream(size int) *channelStream {
	s := &channelStream{message: make([]byte, size), full: make(chan []byte, underWay), free: make(chan []byte, underWay)}
	for range underWay {
		s.free <- make([]byte, size)
	}
	return s
}

func (s *channelStream) run(messages int) {
	go func() {
		for range messages {
			buffer := <-s.free
			copy(buffer, s.message)
			s.full <- buffer
		}
	}()
	for range messages {
		s.free <- <-s.full
	}
}

func (s *channelStream) close() { close(s.free) }
