package transfer_test

import (
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/transfer"
)

// partsIn names what is unfinished in a directory.
func partsIn(t *testing.T, dir string) (parts []string) {
	t.Helper()
	for name := range facts(t, dir) {
		if strings.HasSuffix(name, ".part") {
			parts = append(parts, name)
		}
	}
	return parts
}

func submitAll(t *testing.T, a *agent, e *transfer.Engine) transfer.ID {
	t.Helper()
	id, err := e.Submit(t.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: a.read, Destination: "."}}})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestCancelWhileDataFlows: what was delivered stays, the rest goes, and other transfers do not notice.
func TestCancelWhileDataFlows(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	writeFile(t, a.read, "first", 1<<20, 0o600)
	writeFile(t, a.read, "second", 200<<20, 0o600)
	w := newWatcher()
	ea, eb := a.openWith(t, newLease(1), w, nil), b.open(t, 1, nil)
	defer closeEngines(t, ea, eb)
	link, stop := runUpTo(t, ea, eb, 100<<20)
	defer stop()
	id := submitAll(t, a, ea)
	w.wait(t, "20 MiB durable", durableAbove(20<<20))
	if err := ea.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if s := wait(t, ea, id); s.State != transfer.Cancelled {
		t.Errorf("status %+v", s)
	}
	if err := ea.Cancel(t.Context(), id); err != nil {
		t.Errorf("cancelled again: %v", err)
	}
	got := facts(t, b.got)
	if _, there := got["second"]; there || got["first"] != facts(t, a.read)["first"] || len(partsIn(t, b.got)) > 0 {
		t.Errorf("at the receiver: %v", got)
	}
	link.left.Store(math.MaxInt64)
	writeFile(t, a.read, "third", 100, 0o600)
	id, err := ea.Submit(t.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: filepath.Join(a.read, "third"), Destination: "third"}}})
	if err != nil {
		t.Fatal(err)
	}
	if s := wait(t, ea, id); s.State != transfer.Completed {
		t.Errorf("the next one: %+v", s)
	}
	if err := ea.Cancel(t.Context(), id); !errors.Is(err, transfer.ErrEnded) {
		t.Errorf("cancelled when it was over: %v", err)
	}
	if err := ea.Cancel(t.Context(), transfer.NewID()); !errors.Is(err, transfer.ErrUnknown) {
		t.Errorf("unknown: %v", err)
	}
}

// TestCancelWhileNobodyAnswers: it is durable at once, survives the sender, and is carried out when the
// receiver is back; a receiver that never heard of the transfer agrees.
func TestCancelWhileNobodyAnswers(t *testing.T) {
	for _, heard := range []bool{false, true} {
		a, b := newAgent(t, "A"), newAgent(t, "B")
		writeFile(t, a.read, "big", 100<<20, 0o600)
		w := newWatcher()
		ea, eb := a.openWith(t, newLease(1), w, nil), b.open(t, 1, nil)
		id := submitAll(t, a, ea)
		if heard {
			_, stop := runUpTo(t, ea, eb, 16<<20)
			w.wait(t, "some of it", durableAbove(5<<20))
			stop()
		}
		if err := ea.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if s, err := ea.Status(id); err != nil || s.State != transfer.Cancelling {
			t.Errorf("heard %v: %+v, %v", heard, s, err)
		}
		closeEngines(t, ea, eb)
		ea, eb = a.open(t, 2, nil), b.open(t, 2, nil)
		if s, err := ea.Status(id); err != nil || s.State != transfer.Cancelling {
			t.Errorf("heard %v, after a takeover: %+v, %v", heard, s, err)
		}
		stop := runBoth(t, ea, eb)
		if s := wait(t, ea, id); s.State != transfer.Cancelled || s.Reason == "" {
			t.Errorf("heard %v, in the end: %+v", heard, s)
		}
		if p := partsIn(t, b.got); len(p) > 0 {
			t.Errorf("heard %v: left behind %v", heard, p)
		}
		stop()
		closeEngines(t, ea, eb)
	}
}

func TestReceivedTransferIsCancelledAtItsSender(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	writeFile(t, a.read, "big", 100<<20, 0o600)
	w := newWatcher()
	ea, eb := a.openWith(t, newLease(1), w, nil), b.open(t, 1, nil)
	defer closeEngines(t, ea, eb)
	_, stop := runUpTo(t, ea, eb, 16<<20)
	defer stop()
	id := submitAll(t, a, ea)
	w.wait(t, "some of it", durableAbove(5<<20))
	if err := eb.Cancel(t.Context(), id); !errors.Is(err, transfer.ErrRequest) || !strings.Contains(err.Error(), "cancel it at A") {
		t.Errorf("%v", err)
	}
}

// TestRecoveryTimeout: the receiver stays away for longer than the sender wants to wait, before it ever
// answered and after. A transfer that waits for its turn is not in recovery.
func TestRecoveryTimeout(t *testing.T) {
	for _, heard := range []bool{false, true} {
		a, b := newAgent(t, "A"), newAgent(t, "B")
		writeFile(t, a.read, "big", 100<<20, 0o600)
		w := newWatcher()
		impatient := func(o *transfer.Options) {
			o.RetryInterval, o.RecoveryTimeout = 10*time.Millisecond, 300*time.Millisecond
			if heard { // longer than a disk that is busy lets the data stand still
				o.RecoveryTimeout = 3 * time.Second
			}
		}
		ea, eb := a.openWith(t, newLease(1), w, impatient), b.open(t, 1, nil)
		id := submitAll(t, a, ea)
		if heard {
			_, stop := runUpTo(t, ea, eb, 16<<20)
			w.wait(t, "some of it", durableAbove(5<<20))
			stop()
		}
		for s, err := ea.Status(id); s.State != transfer.Cancelling; s, err = ea.Status(id) {
			if err != nil || s.State.Ended() {
				t.Fatalf("%+v, %v", s, err)
			}
		}
		stop := runBoth(t, ea, eb)
		if s := wait(t, ea, id); s.State != transfer.Cancelled || !strings.Contains(s.Reason, "no data has flowed") {
			t.Errorf("heard %v: %+v", heard, s)
		}
		stop()
		closeEngines(t, ea, eb)
	}
	if err := (transfer.Options{Name: "A", RecoveryTimeout: time.Second}).Validate(); err == nil {
		t.Error("a recovery time-out as long as one answer may take was accepted")
	}
}
