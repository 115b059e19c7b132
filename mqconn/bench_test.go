package mqconn_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/loopback"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

const benchMQSC = "DEFINE CHANNEL(" + mqtest.DefaultChannel + ") CHLTYPE(SVRCONN) HBINT(5)\nDEFINE QLOCAL(Q) MAXDEPTH(999999)"

// BenchmarkConnOverTransport makes the same calls on a Transport and on a Conn over it, in turns: put, commit, get and commit
// of one message of 4 KiB. handoff-ns is what a Conn adds to each call, conn/transport the ratio of the medians.
func BenchmarkConnOverTransport(b *testing.B) {
	for _, over := range []string{"in process", "TCP"} {
		b.Run(over, func(b *testing.B) {
			qm := mqtest.New(b, mqtest.Options{MQSC: benchMQSC})
			dialer, endpoint := qm.Dialer(), ""
			if over == "TCP" {
				dialer, endpoint = mqtest.TCP{}, listen(b, qm)
			}
			bare, err := dialer.Dial(b.Context(), mqconn.DialOptions{Endpoint: endpoint, Role: "bare", Transacted: true})
			if err != nil {
				b.Fatal(err)
			}
			defer func() {
				if err := bare.Close(); err != nil {
					b.Error(err)
				}
			}()
			c, err := mqconn.New(mqconn.Config{Dialer: dialer, Endpoints: []string{endpoint}})
			if err != nil {
				b.Fatal(err)
			}
			if err := c.Run(b.Context(), func(ctx context.Context, s *mqconn.Session) error {
				conn, err := s.Open(ctx, "conn", true)
				if err != nil {
					return err
				}
				return compare(b, ctx, bare, conn)
			}); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func compare(b *testing.B, ctx context.Context, bare mqconn.Transport, conn *mqconn.Conn) error {
	m := &mqconn.Message{Body: make([]byte, 4<<10)}
	to := mqconn.Address{Queue: "Q"}
	const calls = 4
	var transport, conns []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		begun := time.Now()
		if err := errors.Join(bare.Put(to, m), bare.Commit(), bare.Get("Q", m, mqconn.GetOptions{}), bare.Commit()); err != nil {
			return err
		}
		middle := time.Now()
		if err := errors.Join(conn.Put(ctx, to, m), conn.Commit(ctx), conn.Get(ctx, "Q", m, mqconn.GetOptions{}), conn.Commit(ctx)); err != nil {
			return err
		}
		transport = append(transport, middle.Sub(begun))
		conns = append(conns, time.Since(middle))
	}
	slices.Sort(transport)
	slices.Sort(conns)
	t, c := transport[len(transport)/2], conns[len(conns)/2]
	b.ReportMetric(float64(c-t)/calls, "handoff-ns/call")
	b.ReportMetric(float64(c)/float64(t), "conn/transport")
	return nil
}

// BenchmarkWorkAfterReturn measures how long after the queue manager's return a program has committed work: 64 programs
// over TCP, at the defaults, outages of 2 s, in each of which nobody listens. One iteration is one outage.
func BenchmarkWorkAfterReturn(b *testing.B) {
	const programs, outage = 64, 2 * time.Second
	options := mqtest.Options{Dir: b.TempDir(), MQSC: benchMQSC}
	l, err := net.Listen("tcp", loopback.Any())
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	up := func(l net.Listener) *mqtest.QueueManager {
		qm, err := mqtest.Start(options)
		if err != nil {
			b.Fatal(err)
		}
		options.MQSC = ""
		if err := qm.Serve(l); err != nil {
			b.Fatal(err)
		}
		return qm
	}
	qm := up(l)
	ctx, cancel := context.WithCancel(b.Context())
	worked := make(chan time.Time, programs)
	var ends sync.WaitGroup
	for range programs {
		c, err := mqconn.New(mqconn.Config{Dialer: mqtest.TCP{}, Endpoints: []string{address}, Repeatable: true})
		if err != nil {
			b.Fatal(err)
		}
		ends.Go(func() {
			_ = c.Run(ctx, func(ctx context.Context, s *mqconn.Session) error {
				return workOnce(ctx, s, worked)
			})
		})
	}
	for range programs {
		<-worked
	}
	var took []time.Duration
	for b.Loop() {
		qm.Kill()
		time.Sleep(outage)
		l, err := net.Listen("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		qm = up(l)
		back := time.Now()
		for range programs {
			took = append(took, (<-worked).Sub(back))
		}
	}
	cancel()
	ends.Wait()
	if err := qm.Close(); err != nil {
		b.Error(err)
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(took[len(took)-1].Seconds()*1000, "worst-ms")
	b.ReportMetric(float64(len(took)), "n")
}

// workOnce commits a message and then waits for the loss of the connection.
func workOnce(ctx context.Context, s *mqconn.Session, worked chan<- time.Time) error {
	conn, err := s.Open(ctx, "work", true)
	if err != nil {
		return err
	}
	if err := conn.Put(ctx, mqconn.Address{Queue: "Q"}, &mqconn.Message{}); err != nil {
		return err
	}
	if err := conn.Commit(ctx); err != nil {
		return err
	}
	worked <- time.Now()
	var m mqconn.Message
	return conn.Get(ctx, "Q", &m, mqconn.GetOptions{Wait: -1, CorrelationID: mqconn.ID{1}})
}
