package mqtest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

func TestExpiredMessageIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
		c := dial(t, qm.Dialer(), "", false)
		for _, expiry := range []time.Duration{time.Nanosecond, 101 * time.Millisecond, time.Hour} {
			if err := c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{Body: []byte(expiry.String()), Expiry: expiry}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(100 * time.Millisecond) // 1 ns was rounded up to this
		wantDepth(t, qm, "A", 3)           // nobody has looked yet
		if m := get(t, c, "A", "101ms"); m.Expiry != 100*time.Millisecond {
			t.Errorf("expiry left: %s", m.Expiry)
		}
		wantDepth(t, qm, "A", 1)
		time.Sleep(59 * time.Minute)
		if m := get(t, c, "A", "1h0m0s"); m.Expiry <= 59*time.Second || m.Expiry > time.Minute {
			t.Errorf("expiry left: %s", m.Expiry)
		}
	})
}

func TestExpiredMessagesMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
		c := dial(t, qm.Dialer(), "", false)
		for range 2 {
			if err := c.Put(mqconn.Address{Queue: "SMALL"}, &mqconn.Message{Expiry: time.Second}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		put(t, c, "SMALL", "fits", false)
		get(t, c, "SMALL", "fits")
	})
}

func TestWaitEndsAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
		c := dial(t, qm.Dialer(), "", false)
		began := time.Now()
		err := c.Get("A", new(mqconn.Message), mqconn.GetOptions{Wait: time.Second})
		if took := time.Since(began); err != mqconn.ErrNoMessage || took != time.Second {
			t.Errorf("%v after %s", err, took)
		}
	})
}

// Whoever meets the expired message makes the queue manager tell: a get, or a put that needs its room.
func TestExpirationIsReported(t *testing.T) {
	meet := map[string]func(mqconn.Transport) error{
		"get": func(c mqconn.Transport) error { return c.Get("SMALL", new(mqconn.Message), mqconn.GetOptions{}) },
		"wait": func(c mqconn.Transport) error {
			return c.Get("SMALL", new(mqconn.Message), mqconn.GetOptions{Wait: time.Second})
		},
		"put": func(c mqconn.Transport) error { return c.Put(mqconn.Address{Queue: "SMALL"}, &mqconn.Message{}) },
	}
	for how, look := range meet {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
				c := dial(t, qm.Dialer(), "", false)
				told := mqconn.Message{Expiry: time.Second, ReplyTo: mqconn.Address{Queue: "B"}, Report: mqconn.ReportExpiration}
				untold := mqconn.Message{Expiry: time.Second, ReplyTo: mqconn.Address{Queue: "B"}, Report: mqconn.ReportDelivery}
				for _, m := range []*mqconn.Message{&told, &untold} {
					if err := c.Put(mqconn.Address{Queue: "SMALL"}, m); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Second)
				wantDepth(t, qm, "B", 0) // nobody has looked yet
				looked := make(chan error, 1)
				go func() { looked <- look(c) }()
				synctest.Wait() // until it is done, or waits for the next message
				wantDepth(t, qm, "B", 1)
				if err := <-looked; err != nil && err != mqconn.ErrNoMessage {
					t.Fatal(err)
				}
				var m mqconn.Message
				err := c.Get("B", &m, mqconn.GetOptions{})
				if err != nil || m.Feedback != mqconn.FeedbackExpiration || m.CorrelationID != told.ID {
					t.Errorf("%v, %+v", err, m)
				}
				wantDepth(t, qm, "B", 0)
			})
		})
	}
}
