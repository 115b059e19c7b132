package mqtest_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// faultTest makes one kind of fault happen on connections that dial makes, and checks what a client sees.
type faultTest struct {
	*testing.T
	qm   *mqtest.QueueManager
	dial func(transacted bool) (mqconn.Transport, error)
	tcp  bool
	row  mqtest.FaultRow
}

func (f faultTest) connect(transacted bool) mqconn.Transport {
	f.Helper()
	c, err := f.dial(transacted)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = c.Close() }) // the connection may be broken on purpose
	return c
}

// faultTests has one test for each kind: TestEveryKindOfFault fails when one is missing.
var faultTests = map[mqtest.FaultKind]func(faultTest){
	mqtest.FaultReason: func(f faultTest) {
		c := f.connect(false)
		f.qm.Inject(mqtest.Fault{Verb: mqconn.VerbPut, Skip: 2, Reason: mqrc.QFull})
		put(f, c, "A", "1", false)
		put(f, c, "A", "2", false)
		wantReason(f, c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{}), mqrc.QFull)
		put(f, c, "A", "3", false)
		wantDepth(f, f.qm, "A", 3)
	},
	mqtest.FaultCutBefore: func(f faultTest) { cutInPut(f, mqtest.BeforeWork, 0) },
	mqtest.FaultCutAfter:  func(f faultTest) { cutInPut(f, mqtest.AfterWork, 1) },
	mqtest.FaultCommitLost: func(f faultTest) {
		cutInCommit(f, mqtest.BeforeWork, 0)
	},
	mqtest.FaultCommitUnanswered: func(f faultTest) {
		cutInCommit(f, mqtest.AfterWork, 1)
	},
	mqtest.FaultDelay: func(f faultTest) {
		c := f.connect(false)
		put(f, c, "A", "x", false)
		f.qm.Inject(mqtest.Fault{Verb: mqconn.VerbGet, Delay: time.Hour})
		got := make(chan error, 1)
		go func() { got <- c.Get("A", new(mqconn.Message), mqconn.GetOptions{}) }()
		for f.qm.Struck()[mqtest.FaultDelay] == 0 {
			yield()
		}
		wantDepth(f, f.qm, "A", 1) // late: nothing is done yet
		f.qm.Cut()                 // and the end of the connection ends the delay
		wantReason(f, <-got, mqrc.ConnectionBroken)
	},
	mqtest.FaultLose: func(f faultTest) {
		c := f.connect(false)
		f.qm.Inject(mqtest.Fault{Lose: true, Skip: 1})
		put(f, c, "A", "persistent messages are not counted", true)
		put(f, c, "A", "skipped", false)
		put(f, c, "A", "still not", true)
		put(f, c, "A", "lost", false)
		put(f, c, "A", "after it", false)
		for _, text := range []string{"persistent messages are not counted", "skipped", "still not", "after it", ""} {
			get(f, c, "A", text)
		}
	},
	mqtest.FaultRepeat: func(f faultTest) {
		c := f.connect(true)
		f.qm.Inject(mqtest.Fault{Repeat: true, Verb: mqconn.VerbPut, Queue: "A"})
		put(f, c, "A", "persistent", true)
		id := put(f, c, "A", "twice", false)
		put(f, c, "A", "once", false)
		if err := c.Commit(); err != nil {
			f.Fatal(err)
		}
		get(f, c, "A", "persistent")
		if a, b := get(f, c, "A", "twice"), get(f, c, "A", "twice"); a.ID != id || b.ID != id {
			f.Errorf("got %x and %x, put %x", a.ID, b.ID, id)
		}
		get(f, c, "A", "once")
		get(f, c, "A", "")
	},

	mqtest.FaultCut: func(f faultTest) { outage(f); f.connect(false) },
	mqtest.FaultFreeze: func(f faultTest) {
		a, b := f.connect(false), f.connect(false)
		put(f, a, "A", "x", false)
		waiting := make(chan error, 1)
		go func() { waiting <- b.Get("B", new(mqconn.Message), mqconn.GetOptions{Wait: time.Millisecond}) }()
		if err := f.qm.Strike(mqtest.FaultFreeze); err != nil {
			f.Fatal(err)
		}
		var m mqconn.Message
		got := make(chan error, 1)
		go func() { got <- a.Get("A", &m, mqconn.GetOptions{}) }()
		dialled := make(chan error, 1)
		go func() {
			c, err := f.dial(false)
			if err == nil {
				err = c.Close()
			}
			dialled <- err
		}()
		select {
		case err := <-got:
			f.Errorf("a frozen queue manager answered a get: %v", err)
		case err := <-dialled:
			f.Errorf("a frozen queue manager answered MQCONNX: %v", err)
		case <-time.After(20 * time.Millisecond): // it can only be seen that nothing comes
		}
		if err := f.qm.Restore(); err != nil {
			f.Fatal(err)
		}
		if err := <-got; err != nil || string(m.Body) != "x" {
			f.Errorf("after the thaw: %q, %v", m.Body, err)
		}
		if err := <-waiting; !errors.Is(err, mqconn.ErrNoMessage) {
			f.Errorf("the waiting get: %v", err)
		}
		if err := <-dialled; err != nil {
			f.Errorf("MQCONNX after the thaw: %v", err)
		}
	},
	mqtest.FaultQuiesce: func(f faultTest) {
		c := f.connect(true)
		put(f, c, "B", "before", true)
		outageBegins(f)
		wantReason(f, c.Put(mqconn.Address{Queue: "B"}, &mqconn.Message{}), mqrc.QMgrQuiescing)
		if err := c.Commit(); err != nil {
			f.Error(err)
		}
		outageEnds(f)
	},
	mqtest.FaultStop:         outage,
	mqtest.FaultNotAvailable: outage,
	mqtest.FaultMovedAway:    outage,
	mqtest.FaultStandby:      outage,
	mqtest.FaultRefuse:       outage,
	mqtest.FaultHangUp:       outage,
	mqtest.FaultKill:         outage,
}

func cutInPut(f faultTest, side mqtest.Break, depth int) {
	c := f.connect(false)
	f.qm.Inject(mqtest.Fault{Verb: mqconn.VerbPut, Queue: "A", Break: side})
	put(f, c, "B", "another queue", false)
	wantReason(f, c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{}), f.row.Reason)
	wantReason(f, c.Put(mqconn.Address{Queue: "B"}, &mqconn.Message{}), f.row.Reason)
	wantDepth(f, f.qm, "A", depth)
}

func cutInCommit(f faultTest, side mqtest.Break, depth int) {
	c := f.connect(true)
	f.qm.Inject(mqtest.Fault{Verb: mqconn.VerbCommit, Break: side})
	put(f, c, "A", "x", true)
	wantReason(f, c.Commit(), f.row.Reason)
	for connections, _ := f.qm.Handles(); connections > 0; connections, _ = f.qm.Handles() {
		yield()
	}
	wantDepth(f, f.qm, "A", depth)
}

// outage expects of a fault of the whole queue manager what its row says.
func outage(f faultTest) {
	outageBegins(f)
	outageEnds(f)
}

// outageBegins checks what a get that waits sees, and MQCONNX.
func outageBegins(f faultTest) {
	f.Helper()
	waiting := make(chan error, 1)
	a := f.connect(false)
	go func() { waiting <- a.Get("A", new(mqconn.Message), mqconn.GetOptions{Wait: time.Hour}) }()
	awaitWaiting(f.qm, "A", 1)
	if err := f.qm.Strike(f.row.Kind); err != nil {
		f.Fatal(err)
	}
	wantReason(f, <-waiting, f.row.Reason)
	if want := f.row.OnConnect; want != mqrc.None {
		if !f.tcp && want == mqrc.HostNotAvailable {
			want = mqrc.QMgrNotAvailable
		}
		for range 2 {
			_, err := f.dial(false)
			wantReason(f, err, want)
		}
	}
}

// outageEnds checks that everything works after Restore.
func outageEnds(f faultTest) {
	f.Helper()
	if f.row.Kind == mqtest.FaultKill {
		if err := f.qm.Restore(); !errors.Is(err, mqtest.ErrStopped) {
			f.Errorf("restoring the dead: %v", err)
		}
		return
	}
	if got := f.qm.States(); f.row.Lasts != slices.Contains(got, f.row.Kind) {
		f.Errorf("it lasts: %v, but now there are %q", f.row.Lasts, got)
	}
	if !f.row.Lasts {
		return
	}
	if err := f.qm.Restore(); err != nil {
		f.Fatal(err)
	}
	if got := f.qm.States(); len(got) != 0 {
		f.Errorf("after Restore there are %q", got)
	}
	c := f.connect(false)
	put(f, c, "A", "again", false)
	get(f, c, "A", "again")
	if err := c.Close(); err != nil {
		f.Error(err)
	}
}

func TestEveryKindOfFault(t *testing.T) {
	for _, row := range mqtest.FaultKinds() {
		test := faultTests[row.Kind]
		if test == nil || row.Effect == "" {
			t.Errorf("%s has no test, or no words", row.Kind)
			continue
		}
		for _, way := range []string{"in process", "over TCP"} {
			t.Run(fmt.Sprintf("%s/%s", row.Kind, way), func(t *testing.T) {
				qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
				f := faultTest{T: t, qm: qm, row: row}
				dialer, endpoint := qm.Dialer(), ""
				if way == "over TCP" {
					dialer, endpoint, f.tcp = mqtest.TCP{}, serve(t, qm), true
				}
				f.dial = func(transacted bool) (mqconn.Transport, error) {
					return dialer.Dial(t.Context(), mqconn.DialOptions{Endpoint: endpoint, Role: "test", Transacted: transacted})
				}
				test(f)
				if n := qm.Struck()[row.Kind]; n != 1 {
					t.Errorf("it has struck %d times", n)
				}
			})
		}
	}
	kinds := make(map[mqtest.FaultKind]bool)
	for _, row := range mqtest.FaultKinds() {
		kinds[row.Kind] = true
	}
	for kind := range faultTests {
		if !kinds[kind] {
			t.Errorf("there is a test for %s, which is not in the table", kind)
		}
	}
}

func TestFaultsAreCountedAndCleared(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	c := dial(t, qm.Dialer(), "", false)
	fail := mqtest.Fault{Verb: mqconn.VerbPut, Reason: mqrc.QFull}
	later := mqtest.Fault{Verb: mqconn.VerbPut, Skip: 2, Times: -1, Reason: mqrc.PutInhibited}
	slow := mqtest.Fault{Verb: mqconn.VerbPut, Times: 2, Delay: 1}
	numbers := qm.Inject(fail, later, slow)
	putting := func() error { return c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{}) }
	wantReason(t, putting(), mqrc.QFull) // counted by later, too: Skip counts calls, whoever strikes them
	if err := putting(); err != nil {
		t.Fatal(err)
	}
	wantReason(t, putting(), mqrc.PutInhibited)
	wantReason(t, putting(), mqrc.PutInhibited)
	want := []mqtest.InjectedFault{
		{Number: 1, Fault: fail, Calls: 1, Struck: 1, Spent: true},
		{Number: 2, Fault: later, Calls: 4, Struck: 2},
		{Number: 3, Fault: slow, Calls: 2, Struck: 2, Spent: true},
	}
	if got := qm.Faults(); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	qm.Clear(numbers[1])
	if err := putting(); err != nil {
		t.Fatal(err)
	}
	if got := qm.Faults(); len(got) != 2 || got[1].Number != 3 {
		t.Errorf("got %+v", got)
	}
	qm.Clear()
	if got := qm.Faults(); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
	if got, want := qm.Struck(), (map[mqtest.FaultKind]int{mqtest.FaultReason: 3, mqtest.FaultDelay: 2}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// lostOf says which of n non-persistent messages are lost by a Fault.
func lostOf(t *testing.T, n int, fault mqtest.Fault) (lost []int) {
	t.Helper()
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	c := dial(t, qm.Dialer(), "", false)
	qm.Inject(fault)
	for i := range n {
		put(t, c, "A", "x", false)
		err := c.Get("A", new(mqconn.Message), mqconn.GetOptions{})
		switch {
		case errors.Is(err, mqconn.ErrNoMessage):
			lost = append(lost, i)
		case err != nil:
			t.Fatal(err)
		}
	}
	if struck := qm.Struck()[mqtest.FaultLose]; struck != len(lost) {
		t.Errorf("%d are lost, and %d were struck", len(lost), struck)
	}
	return lost
}

func TestChanceIsRepeatedWithItsSeed(t *testing.T) {
	fault := mqtest.Fault{Lose: true, Times: -1, Chance: 0.01, Seed: 7}
	first := lostOf(t, 10000, fault)
	if again := lostOf(t, 10000, fault); !slices.Equal(first, again) {
		t.Errorf("seed 7 lost %v, then %v", first, again)
	}
	if len(first) < 50 || len(first) > 200 { // five standard deviations around 100, and twice that
		t.Errorf("lost %d of 10000 with a chance of 1 %%", len(first))
	}
	fault.Seed = 8
	if other := lostOf(t, 10000, fault); slices.Equal(first, other) {
		t.Error("another seed loses the same messages")
	}
	fault.Times = 3
	if few := lostOf(t, 10000, fault); len(few) != 3 {
		t.Errorf("lost %d, want 3", len(few))
	}
}

func TestFaultThatCannotStrikeIsRefused(t *testing.T) {
	qm := mqtest.New(t)
	for name, fault := range map[string]mqtest.Fault{
		"nothing goes wrong":            {Verb: mqconn.VerbPut},
		"two things at once":            {Reason: mqrc.QFull, Break: mqtest.AfterWork},
		"lost and repeated":             {Lose: true, Repeat: true},
		"an unknown break":              {Break: 3},
		"a negative skip":               {Reason: mqrc.QFull, Skip: -1},
		"a chance above one":            {Reason: mqrc.QFull, Chance: 1.5},
		"a verb that nobody calls":      {Verb: "MQSUB", Reason: mqrc.QFull},
		"a commit on a queue":           {Verb: mqconn.VerbCommit, Queue: "A", Break: mqtest.AfterWork},
		"a lost message of a get":       {Verb: mqconn.VerbGet, Lose: true},
		"a negative delay":              {Delay: -1},
		"a delay, and a negative skip":  {Delay: 1, Skip: -1},
		"a chance that is not a number": {Reason: mqrc.QFull, Chance: -0.1},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if err, ok := recover().(error); !ok || !errors.Is(err, mqtest.ErrFault) {
					t.Errorf("got %v", err)
				}
			}()
			qm.Inject(fault)
		})
	}
	for _, kind := range []mqtest.FaultKind{mqtest.FaultLose, "nonsense", ""} {
		if err := qm.Strike(kind); !errors.Is(err, mqtest.ErrNotStruck) {
			t.Errorf("striking %q: %v", kind, err)
		}
	}
	if got := qm.Struck(); len(got) != 0 {
		t.Errorf("struck %v", got)
	}
	qm.Kill()
	if err := qm.Strike(mqtest.FaultCut); !errors.Is(err, mqtest.ErrStopped) {
		t.Errorf("striking the dead: %v", err)
	}
}

// An injected 2009 is what 2009 always is: the end of the connection.
func TestInjectedConnectionBrokenBreaksTheConnection(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	for way, dial := range ways(t, qm) {
		t.Run(way, func(t *testing.T) {
			c := dial(false)
			qm.Inject(mqtest.Fault{Verb: mqconn.VerbPut, Reason: mqrc.ConnectionBroken})
			for range 2 {
				wantReason(t, c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{}), mqrc.ConnectionBroken)
			}
		})
	}
}

func TestDelayIsOfTheVerb(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
		qm.Inject(mqtest.Fault{Verb: mqconn.VerbConnect, Delay: time.Minute})
		qm.Inject(mqtest.Fault{Verb: mqconn.VerbCommit, Times: 2, Delay: time.Second})
		began := time.Now()
		took := func() time.Duration { d := time.Since(began); began = time.Now(); return d }
		c := dial(t, qm.Dialer(), "", true)
		if d := took(); d != time.Minute {
			t.Errorf("MQCONNX took %s", d)
		}
		put(t, c, "A", "x", false)
		for _, want := range []time.Duration{time.Second, time.Second, 0} {
			if err := c.Commit(); err != nil || time.Since(began) != want {
				t.Errorf("%v after %s, want %s", err, time.Since(began), want)
			}
			took()
		}
	})
}

// A frozen queue manager keeps the handles of a client that has gone, as a stopped process does, and gives them up
// when it goes on.
func TestFrozenQueueManagerKeepsHandles(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	c := dial(t, mqtest.TCP{}, serve(t, qm), false)
	if err := c.Hold("HELD"); err != nil {
		t.Fatal(err)
	}
	qm.Freeze()
	done := make(chan error, 1)
	go func() { done <- c.Close() }() // says MQDISC, which nobody reads
	if connections, held := qm.Handles(); connections != 1 || held != 1 {
		t.Errorf("%d connections, %d held", connections, held)
	}
	qm.Thaw()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if connections, held := qm.Handles(); connections != 0 || held != 0 {
		t.Errorf("%d connections, %d held", connections, held)
	}
}

// A client over TCP gives up a queue manager that is frozen after twice the heartbeat interval. Whoever is killed
// while it is frozen has done nothing.
func TestClientGivesUpAFrozenQueueManager(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions + "ALTER CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN) HBINT(1)\n"})
	c := dial(t, mqtest.TCP{}, serve(t, qm), true)
	put(t, c, "A", "x", true)
	qm.Freeze()
	wantReason(t, c.Commit(), mqrc.ConnectionBroken)
	wantDepth(t, qm, "A", 1) // uncommitted
	local := make(chan error, 1)
	go func() {
		_, err := qm.Dialer().Dial(t.Context(), mqconn.DialOptions{})
		local <- err
	}()
	qm.Kill()
	wantReason(t, <-local, mqrc.QMgrNotAvailable)
	wantDepth(t, qm, "A", 0)
}

func TestRestoreSaysWhenItsAddressIsTaken(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: definitions})
	endpoint := serve(t, qm)
	if err := qm.Strike(mqtest.FaultRefuse); err != nil {
		t.Fatal(err)
	}
	other := mqtest.New(t, mqtest.Options{Name: "QM2", MQSC: definitions})
	serveAt(t, other, endpoint)
	if err := qm.Restore(); err == nil {
		t.Error("two queue managers listen on one address")
	}
	c := dial(t, mqtest.TCP{}, endpoint, false)
	if name := c.Info().QueueManager; name != "QM2" {
		t.Errorf("connected to %s", name)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := qm.Restore(); err != nil {
		t.Fatal(err)
	}
	c = dial(t, mqtest.TCP{}, endpoint, false)
	if name := c.Info().QueueManager; name != "QM1" {
		t.Errorf("connected to %s", name)
	}
}
