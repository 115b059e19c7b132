package mqconn

import (
	"context"
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/mqha/mqha/mqconn/mqrc"
	"pgregory.net/rapid"
)

// The journal tells after every end of the process what was counted before it, whatever the order of attempts, commits,
// backouts and losses.
func TestAttemptsSurviveTheProcess(t *testing.T) {
	dir := t.TempDir()
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		file := filepath.Join(dir, "attempts")
		_ = os.Remove(file)
		a := mustOpen(t, file)
		defer func() { _ = a.close() }()
		const threshold = 4
		conns := []*Conn{{}, {}}
		counts := map[ID]uint32{} // the model
		type tried struct {
			id     ID
			moving bool
		}
		taken := map[*Conn][]tried{}
		id := rapid.Custom(func(t *rapid.T) ID { return ID{rapid.ByteRange(1, 5).Draw(t, "message")} })
		conn := rapid.SampledFrom(conns)
		t.Repeat(map[string]func(*rapid.T){
			"attempt": func(t *rapid.T) {
				c, m := conn.Draw(t, "connection"), id.Draw(t, "message")
				before := counts[m]
				if got := a.begin(c, m, threshold); got != int(before) {
					t.Fatalf("%d attempts before, want %d", got, before)
				}
				if err := a.flush(); err != nil {
					t.Fatal(err)
				}
				if before < threshold {
					counts[m]++
				}
				taken[c] = append(taken[c], tried{m, before == threshold})
			},
			"end": func(t *rapid.T) {
				c, f := conn.Draw(t, "connection"), rapid.SampledFrom([]fate{committed, backedOut, lostWith}).Draw(t, "fate")
				a.ended(c, f)
				for _, m := range taken[c] {
					switch {
					case f == committed:
						delete(counts, m.id)
					case f == lostWith && counts[m.id] > 0 && !m.moving: // it was not tried, only moved
						if counts[m.id]--; counts[m.id] == 0 {
							delete(counts, m.id)
						}
					}
				}
				delete(taken, c)
			},
			"compact": func(t *rapid.T) { a.size = compactAt + 1 },
			"end of the process": func(t *rapid.T) {
				// What ended since the last attempt is pending and is lost: the file may tell more attempts, not fewer.
				_ = a.out.Close()
				torn := rapid.SliceOfN(rapid.Byte(), 0, recordLength-1).Draw(t, "torn record")
				f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.Write(torn); err != nil {
					t.Fatal(err)
				}
				_ = f.Close()
				a.out = nil
				a = mustOpen(t, file)
				for m, n := range counts {
					if a.counts[m] < n {
						t.Fatalf("%d attempts are left of %d", a.counts[m], n)
					}
				}
				counts, taken = maps.Clone(a.counts), map[*Conn][]tried{}
			},
		})
	})
	if round == 0 {
		t.Fatal("nothing was tried")
	}
}

func mustOpen(t *rapid.T, file string) *attempts {
	t.Helper()
	a, err := openAttempts(file)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestDamagedRecordCostsItsCountAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "attempts")
	b := appendRecord(nil, ID{1}, 3)
	b = appendRecord(b, ID{2}, 2)
	b = appendRecord(b, ID{3}, 1)
	b[recordLength+5] ^= 1
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := openAttempts(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.close() }()
	if want := (map[ID]uint32{{1}: 3, {3}: 1}); !maps.Equal(a.counts, want) {
		t.Errorf("%v", a.counts)
	}
}

// A full or missing disk costs the journal, not the counts.
func TestAttemptsAreCountedWhereTheJournalCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	a, err := openAttempts(filepath.Join(dir, "attempts"))
	if err != nil {
		t.Fatal(err)
	}
	c := &Conn{}
	a.begin(c, ID{1}, 5)
	_ = a.out.Close() // the disk fails
	if err := a.flush(); err == nil {
		t.Fatal("a write to nothing succeeded")
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if n := a.begin(c, ID{1}, 5); n != 1 {
		t.Errorf("%d attempts", n)
	}
	if err := a.flush(); err == nil {
		t.Fatal("the file was written without its directory")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := a.flush(); err != nil { // it comes back
		t.Fatal(err)
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	again, err := openAttempts(a.file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.close() }()
	if again.counts[ID{1}] != 2 {
		t.Errorf("after the disk came back: %v", again.counts)
	}
}

// At the threshold a message is moved, not tried. A loss in that moment took one attempt away all the same, and gave the
// message back to the program.
func TestLossDuringAMoveDoesNotGiveTheMessageBackToTheProgram(t *testing.T) {
	a, err := openAttempts("")
	if err != nil {
		t.Fatal(err)
	}
	c := &Conn{}
	for range 3 {
		a.begin(c, ID{1}, 3)
		a.ended(c, backedOut)
	}
	for move := range 5 {
		if n := a.begin(c, ID{1}, 3); n != 3 {
			t.Errorf("move %d: %d attempts before", move, n)
		}
		a.ended(c, lostWith)
	}
	a.begin(c, ID{1}, 3)
	a.ended(c, committed)
	if n := a.begin(c, ID{1}, 3); n != 0 {
		t.Errorf("after the move: %d attempts", n)
	}
}

// A call that hangs is a loss as well, which is not the fault of the messages in the unit of work: a host that vanishes again
// and again must not make a message poison.
func TestLossByACallThatHangsIsNoAttempt(t *testing.T) {
	for name, hangs := range map[string]bool{"hangs": true, "breaks": false} {
		var release chan struct{}
		m := &manager{call: func(_ *transport, v Verb, _ string) error {
			switch {
			case v != VerbPut:
				return nil
			case hangs:
				<-release
			}
			return fault(v, mqrc.ConnectionBroken)
		}}
		p, err := NewPoison(PoisonOptions{Queue: Address{Queue: "POISON"}})
		if err != nil {
			t.Fatal(err)
		}
		within(t, m, Config{}, func(ctx context.Context, s *Session) error {
			release = make(chan struct{})
			defer close(release)
			conn := open(t, ctx, s, true)
			if err := p.Get(ctx, conn, "Q", &Message{}, GetOptions{}); err != nil || len(p.attempts.counts) != 1 {
				t.Errorf("%s: got %v, counts %v", name, err, p.attempts.counts)
			}
			if err := conn.Put(ctx, Address{Queue: "B"}, &Message{}); ctx.Err() == nil {
				t.Errorf("%s: %v, and the session is as before", name, err)
			}
			return nil
		})
		if n := len(p.attempts.counts); n != 0 || len(p.attempts.taken) != 0 {
			t.Errorf("the call %s: %d messages count as tried, %d connections are watched", name, n, len(p.attempts.taken))
		}
	}
}

// A message that failed once and then expired, or was taken by another instance, is never heard of again. A service behind
// the program that is down for days leaves such messages by the million.
func TestMessagesThatNeverComeAgainDoNotPileUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "attempts")
	a, err := openAttempts(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.close() }()
	c := &Conn{}
	for n := range uint32(3 * mostCounted) {
		var id ID
		binary.LittleEndian.PutUint32(id[:], n+1)
		for before := range 2 { // a message that comes again at once is counted whatever was forgotten
			if got := a.begin(c, id, 5); got != before {
				t.Fatalf("message %d: %d attempts before, want %d", n, got, before)
			}
			a.ended(c, backedOut)
		}
		if len(a.counts) > mostCounted {
			t.Fatalf("%d messages are counted", len(a.counts))
		}
		if n%100 == 0 {
			if err := a.flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	i, err := os.Stat(file)
	if err != nil || i.Size() > mostCounted*recordLength+2*compactAt {
		t.Errorf("the file has %d bytes, %v", i.Size(), err)
	}
}

// The connection ends after the get has returned and before its message is counted. Nobody would end that attempt any more: it
// kept the connection in memory, with its Session, and was the message's fault.
func TestConnectionThatEndsBeforeItsMessageIsCountedIsForgotten(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(conn *Conn)
		left int // messages that count as tried
	}{
		"closed by the program": {func(conn *Conn) { _ = conn.Close() }, 1},
		"lost":                  {func(conn *Conn) { _ = conn.Put(context.Background(), Address{Queue: "B"}, &Message{}) }, 0},
	} {
		m := &manager{call: func(_ *transport, v Verb, _ string) error {
			if v == VerbPut {
				return fault(v, mqrc.ConnectionBroken)
			}
			return nil
		}}
		p, err := NewPoison(PoisonOptions{Queue: Address{Queue: "POISON"}})
		if err != nil {
			t.Fatal(err)
		}
		within(t, m, Config{}, func(ctx context.Context, s *Session) error {
			conn := open(t, ctx, s, true)
			conn.watch(p)
			if err := conn.Get(ctx, "Q", &Message{}, GetOptions{}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			c.end(conn)
			synctest.Wait()
			if n := p.failures(conn, "Q", &Message{ID: ID{1}}); n != 0 {
				t.Errorf("%s: %d failures", name, n)
			}
			return errDone
		})
		if len(p.attempts.taken) != 0 || len(p.attempts.counts) != c.left {
			t.Errorf("%s: %d connections are kept, counts %v", name, len(p.attempts.taken), p.attempts.counts)
		}
	}
}
