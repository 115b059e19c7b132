package mqtest_test

import (
	"errors"
	"maps"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

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
	conn, err := net.Dial("tcp", serve(t, qm))
	if err != nil {
		t.Fatal(err)
	}
	if r := mqtest.ConnectOver(conn, mqtest.DefaultChannel, "HELD"); r != mqrc.None {
		t.Fatal(r)
	}
	qm.Freeze()
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.After(50 * time.Millisecond); ; { // that it does nothing cannot be awaited otherwise
		if connections, held := qm.Handles(); connections != 1 || held != 1 {
			t.Fatalf("%d connections, %d held", connections, held)
		}
		select {
		case <-deadline:
		default:
			yield()
			continue
		}
		break
	}
	qm.Thaw()
	for connections, held := qm.Handles(); connections+held > 0; connections, held = qm.Handles() {
		yield()
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

// Every kind of the table that is for Inject is the kind of some Fault, and no Fault is of a kind beside the table.
func TestKindsOfFaultsAreThoseOfTheTable(t *testing.T) {
	missing := make(map[mqtest.FaultKind]bool)
	for _, row := range mqtest.FaultKinds() {
		if row.Injected {
			missing[row.Kind] = true
		}
	}
	for _, f := range []mqtest.Fault{
		{Reason: mqrc.QFull},
		{Break: mqtest.BeforeWork},
		{Break: mqtest.AfterWork},
		{Break: mqtest.BeforeWork, Verb: mqconn.VerbCommit},
		{Break: mqtest.AfterWork, Verb: mqconn.VerbCommit},
		{Delay: time.Second},
		{Lose: true},
		{Repeat: true},
	} {
		if !missing[f.Kind()] {
			t.Errorf("%+v is of kind %q, which is not in the table or was there before", f, f.Kind())
		}
		delete(missing, f.Kind())
	}
	for kind := range missing {
		t.Errorf("no Fault is of kind %q", kind)
	}
	if kind := (mqtest.Fault{}).Kind(); kind != "" {
		t.Errorf("no fault is of kind %q", kind)
	}
}
