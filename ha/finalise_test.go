package ha

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/transfer"
)

// TestFinaliseCommand: refused while a standby is there that could not take over, or does not say that it could; again, it
// does nothing and asks nobody.
func TestFinaliseCommand(t *testing.T) {
	r, m := newResponder()
	m.format, r.lockFile = 1, filepath.Join(t.TempDir(), "agent.lck")
	finalise := command{Version: 1, Command: finaliseCommand, Agent: "SRC"}
	for _, knows := range []int{0, 1} {
		waits, err := lockfile.Announce(r.lockFile, lockfile.Standby{Instance: "former", Format: knows})
		if err != nil {
			t.Fatal(err)
		}
		a, _ := ask(t, r, finalise)
		if a.Refusal != RefusedStandby || !strings.Contains(a.Text, "instance former on host") || m.format != 1 {
			t.Errorf("a standby that knows %d: %+v, format %d", knows, a, m.format)
		}
		if err := waits.Withdraw(); err != nil {
			t.Fatal(err)
		}
	}
	waits, err := lockfile.Announce(r.lockFile, lockfile.Standby{Instance: "of today", Format: transfer.NewestFormat})
	if err != nil {
		t.Fatal(err)
	}
	defer waits.Withdraw()
	m.err = &os.PathError{Op: "write", Err: syscall.ENOSPC}
	if a, _ := ask(t, r, finalise); a.Refusal != RefusedBusy || !strings.Contains(a.Text, "no space") {
		t.Errorf("a full disk: %+v", a)
	}
	m.err = nil
	former, err := lockfile.Announce(r.lockFile, lockfile.Standby{Instance: "former", Format: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := former.Withdraw(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if a, _ := ask(t, r, finalise); a.Refusal != "" || a.Format != transfer.NewestFormat || a.Newest != transfer.NewestFormat {
			t.Errorf("%+v", a)
		}
		if former, err = lockfile.Announce(r.lockFile, lockfile.Standby{Instance: "too late", Format: 1}); err != nil {
			t.Fatal(err)
		}
		defer former.Withdraw()
	}
	r.engine = nil
	if a, _ := ask(t, r, finalise); a.Refusal != RefusedTransfer {
		t.Errorf("without transfers: %+v", a)
	}
	if a, _ := ask(t, r, command{Version: 1, Command: pingCommand, Agent: "SRC"}); a.Format != 0 {
		t.Errorf("without transfers: %+v", a)
	}
	if finalise.lasting() {
		t.Error("a finalise that comes late may not be wanted any more")
	}
}

// upgraded is the configuration of an agent whose journals an earlier release has written.
func (s *site) upgraded(name string) Config {
	s.t.Helper()
	c := s.config(name)
	c.Work, c.Transfer.ReadRoots = nil, []string{s.t.TempDir()}
	content, err := os.ReadFile(filepath.Join("..", "transfer", "testdata", "format1.journal"))
	if err == nil {
		err = errors.Join(os.Mkdir(c.journalDir(), 0o700), os.WriteFile(filepath.Join(c.journalDir(), "journal.3.1"), content, 0o600))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// TestOperatorFinalisesAnUpgrade: the agent goes on in the format that it found until it is told to, refuses until then
// what an earlier release would lose, and is not told to while an instance of one waits for the lock.
func TestOperatorFinalisesAnUpgrade(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC", "DST")
	c := s.upgraded("SRC")
	source := filepath.Join(c.Transfer.ReadRoots[0], "x")
	if err := os.WriteFile(source, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	move := transfer.Request{ID: transfer.NewID(), To: "DST", Items: []transfer.Item{{Source: source, Destination: "x"}}, SourceDisposition: transfer.DeleteSource}
	a := start(t, c)
	a.event(CodeActive, 1)
	standby := start(t, c)
	standby.event(CodeStandby, 1)
	client := s.client("SRC")

	formats := func() [2]int {
		t.Helper()
		pong, err := client.Ping(within(t))
		if err != nil {
			t.Fatal(err)
		}
		return [2]int{pong.Format, pong.NewestFormat}
	}
	if got, want := formats(), [2]int{1, transfer.NewestFormat}; got != want {
		t.Errorf("formats %v, want %v", got, want)
	}
	if _, err := client.Submit(within(t), move); !errors.Is(err, transfer.ErrFormat) {
		t.Errorf("a move: %v", err)
	}
	lock := filepath.Join(c.StateDir, "agent.lck")
	waits, err := lockfile.Announce(lock, lockfile.Standby{Instance: "former", Format: 0})
	if err != nil {
		t.Fatal(err)
	}
	var refused *RefusedError
	if err := client.Finalise(within(t)); !errors.As(err, &refused) || refused.Refusal != RefusedStandby ||
		!strings.Contains(refused.Text, "former") || strings.Contains(refused.Text, standby.agent.Instance()) {
		t.Errorf("with a standby of an earlier release: %v", err)
	}
	if err := waits.Withdraw(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := client.Finalise(within(t)); err != nil {
			t.Fatal(err)
		}
		if got, want := formats(), [2]int{transfer.NewestFormat, transfer.NewestFormat}; got != want {
			t.Errorf("formats %v, want %v", got, want)
		}
	}
	if _, err := client.Submit(within(t), move); err != nil {
		t.Errorf("a move after that: %v", err)
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
	standby.event(CodeActive, 1)
	if got, want := formats(), [2]int{transfer.NewestFormat, transfer.NewestFormat}; got != want {
		t.Errorf("formats of the successor %v, want %v", got, want)
	}
	if err := standby.stop(); err != nil {
		t.Error(err)
	}
	if all, err := lockfile.Standbys(lock); err != nil || len(all) > 0 {
		t.Errorf("an instance that was active stands by: %+v, %v", all, err)
	}
}

// TestStandbyAnnouncesWhatItKnows, and withdraws that when it is stopped.
func TestStandbyAnnouncesWhatItKnows(t *testing.T) {
	t.Parallel()
	s := newSite(t, "SRC")
	c := s.upgraded("SRC")
	lock := filepath.Join(c.StateDir, "agent.lck")
	start(t, c).event(CodeActive, 1)
	standby := start(t, c)
	standby.event(CodeStandby, 1)
	all, err := lockfile.Standbys(lock)
	if err != nil || len(all) != 1 || all[0].Instance != standby.agent.Instance() || all[0].Format != transfer.NewestFormat || behind(all) != "" {
		t.Errorf("%+v, %v", all, err)
	}
	if err := standby.stop(); err != nil {
		t.Error(err)
	}
	if all, err := lockfile.Standbys(lock); err != nil || len(all) > 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestNewJournalCanBeReadByWhoStandsBy: the first instance of an agent is of this release, and an earlier one waits already.
func TestNewJournalCanBeReadByWhoStandsBy(t *testing.T) {
	t.Parallel()
	for knows, want := range []int{1, 1, transfer.NewestFormat} {
		s := newSite(t, "SRC")
		c := s.config("SRC")
		c.Work, c.Transfer.ReadRoots = nil, []string{t.TempDir()}
		waits, err := lockfile.Announce(filepath.Join(c.StateDir, "agent.lck"), lockfile.Standby{Instance: "waits", Format: knows})
		if err != nil {
			t.Fatal(err)
		}
		start(t, c).event(CodeActive, 1)
		if pong, err := s.client("SRC").Ping(within(t)); err != nil || pong.Format != want {
			t.Errorf("a standby knows %d: %+v, %v", knows, pong, err)
		}
		if err := waits.Withdraw(); err != nil {
			t.Error(err)
		}
	}
}
