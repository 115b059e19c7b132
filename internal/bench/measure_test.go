package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/mqha/mqha/transfer"
)

// rig measures variants that copy in a moment. Each notes that it ran.
func rig(t *testing.T, rounds int, runs ...func(m *measurement) error) (m *measurement, ran *[]string) {
	t.Helper()
	b, err := newBed(t.TempDir(), 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	m = &measurement{options: options{rounds: rounds}, bed: b, order: rand.New(rand.NewPCG(1, 0)), progress: io.Discard, results: map[string]*result{}}
	ran = new([]string)
	for i, do := range runs {
		name := string(rune('a' + i))
		m.chosen = append(m.chosen, variant{name: name, run: func(_ context.Context, s *site) (sample, error) {
			*ran = append(*ran, name)
			content, err := os.ReadFile(s.source)
			if err != nil {
				return sample{}, err
			}
			return sample{Seconds: 1}, errors.Join(do(m), os.WriteFile(s.dest, content, 0o600))
		}})
	}
	return m, ran
}

func good(*measurement) error { return nil }

func TestRoundsRunEachVariantOnceInADifferentOrder(t *testing.T) {
	m, ran := rig(t, 4, good, good, good, good, good)
	if err := m.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	orders := map[string]bool{}
	for round := range slices.Chunk(*ran, 5) {
		order := ""
		for _, name := range round {
			order += name
		}
		orders[order] = true
		slices.Sort(round)
		if !slices.Equal(round, []string{"a", "b", "c", "d", "e"}) {
			t.Errorf("a round of %v", round)
		}
	}
	if m.rounds != 4 || len(orders) < 2 {
		t.Errorf("%d rounds, orders %v", m.rounds, orders)
	}
}

func TestTheTimeCanRunOutWithinARound(t *testing.T) {
	over := func(m *measurement) error { m.budget = 1; return nil }
	m, ran := rig(t, 5, over, over, over)
	if err := m.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(*ran) != 1 {
		t.Errorf("%v ran", *ran)
	}
	for name, r := range m.results {
		if (name == (*ran)[0]) != (r.missing == nil) {
			t.Errorf("%s: %v", name, r.missing)
		}
	}
}

func TestWhatFailedOnceIsNotTriedAgain(t *testing.T) {
	m, ran := rig(t, 3, good, func(*measurement) error { return errors.New("broken") })
	if err := m.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(*ran) != 4 || m.results["b"].failed == nil || len(m.results["a"].samples) != 3 {
		t.Errorf("%v: %+v", *ran, m.results)
	}
}

// Whether a copy is one is looked at before its time counts.
func TestWrongCopyFails(t *testing.T) {
	m, _ := rig(t, 1, good)
	copied := m.chosen[0].run
	m.chosen[0].run = func(ctx context.Context, s *site) (sample, error) {
		r, err := copied(ctx, s)
		return r, errors.Join(err, os.WriteFile(s.dest, make([]byte, 100), 0o600))
	}
	if err := m.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := m.results["a"]; r.failed == nil || len(r.samples) > 0 {
		t.Errorf("%+v", r)
	}
}

// hungry is a Link that allocates three objects for a frame.
type hungry struct {
	transfer.Link
	kept [3]*[64]byte
}

func (h *hungry) Send(context.Context, *transfer.Frame) error {
	for i := range h.kept {
		h.kept[i] = new([64]byte)
	}
	return nil
}

func TestMeterCountsAllocationsOfAFrame(t *testing.T) {
	const frames = 1000
	m := newMeter(frames * frameBytes)
	l := m.over(&hungry{})
	full, other := transfer.Frame{Body: make([]byte, transfer.HeaderBytes+frameBytes)}, transfer.Frame{Body: make([]byte, transfer.HeaderBytes)}
	for i := range frames {
		if err := errors.Join(l.Send(t.Context(), &full), l.Send(t.Context(), &other)); err != nil {
			t.Fatal(err)
		}
		if i%(frames/4) == frames/8 { // four times, and twice in the half that counts
			runtime.GC()
		}
	}
	var o outcome
	m.tell(&o)
	if per := 2.0 * (1 << 30) / (frames / 2 * frameBytes); o.GCsPerGiB != per {
		t.Errorf("%f collections a GiB instead of %f", o.GCsPerGiB, per)
	}
	if o.AllocsPerFrame < 6 || o.AllocsPerFrame > 6.5 { // the other frame is no frame of the file
		t.Errorf("%f", o.AllocsPerFrame)
	}
	if o.FirstFrame <= 0 {
		t.Error("the first frame was not seen")
	}
	m = newMeter(frames * frameBytes)
	m.tell(&o)
	if o.AllocsPerFrame >= 0 || o.GCsPerGiB >= 0 {
		t.Errorf("nothing was sent: %f, %f", o.AllocsPerFrame, o.GCsPerGiB)
	}
}
