package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"time"
)

// result is what one variant showed in all rounds.
type result struct {
	samples []sample
	missing error // it was not tried
	failed  error // it was, and is not any more
}

// measurement is one call of this command.
type measurement struct {
	options
	bed      *bed
	order    *rand.Rand
	progress io.Writer
	cores    int
	chosen   []variant
	results  map[string]*result
	begun    time.Time
	rounds   int // done; in the last one the time may have run out
}

func measure(ctx context.Context, o options, progress io.Writer) (r *report, err error) {
	goals, chosen, err := choose(o.only)
	if err != nil {
		return nil, err
	}
	m := &measurement{options: o, progress: progress, cores: runtime.NumCPU(), chosen: chosen, begun: time.Now(),
		order: rand.New(rand.NewPCG(o.seed, 0)), results: map[string]*result{}}
	before := load()
	fmt.Fprintf(progress, "making a file of %s\n", &o.size)
	if m.bed, err = newBed(o.dir, int64(o.size), o.seed); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.bed.remove()) }()
	if err := m.run(ctx); err != nil {
		return nil, err
	}
	r = newReport(m, goals)
	r.Date, r.Took, r.LoadBefore = m.begun.UTC().Truncate(time.Second), time.Since(m.begun).Seconds(), before
	return r, nil
}

// choose finds what an -only names: everything for nothing.
func choose(only string) (goals []goal, chosen []variant, err error) {
	if only == "" {
		return allGoals, variants, nil
	}
	wanted := map[string]bool{}
	for _, name := range strings.Split(only, ",") {
		known := false
		for _, g := range allGoals {
			if g.name != name {
				continue
			}
			known, goals = true, append(goals, g)
			for _, v := range g.needs() {
				wanted[v] = true
			}
		}
		for _, v := range variants {
			if v.name == name {
				known, wanted[name] = true, true
			}
		}
		if !known {
			return nil, nil, fmt.Errorf("bench: -only %s: neither a goal (%s) nor a variant (%s)", name, names(allGoals, goal.Name), names(variants, variant.Name))
		}
	}
	for _, v := range variants {
		if wanted[v.name] {
			chosen = append(chosen, v)
		}
	}
	return goals, chosen, nil
}

func (v variant) Name() string { return v.name }

func names[T any](all []T, name func(T) string) string {
	var s []string
	for _, x := range all {
		s = append(s, name(x))
	}
	return strings.Join(s, " ")
}

func (m *measurement) run(ctx context.Context) error {
	for _, v := range m.chosen {
		r := &result{}
		if v.missing != nil {
			r.missing = v.missing()
		}
		m.results[v.name] = r
	}
	longest := time.Duration(0)
	for m.rounds < m.options.rounds && !m.late(longest) {
		start := time.Now()
		if err := m.round(ctx); err != nil {
			return err
		}
		longest = max(longest, time.Since(start))
	}
	for _, r := range m.results {
		if len(r.samples) == 0 && r.missing == nil && r.failed == nil {
			r.missing = errors.New("no time was left for it")
		}
	}
	return nil
}

// late says that what takes so long would not end within the budget.
func (m *measurement) late(takes time.Duration) bool {
	return m.budget > 0 && time.Since(m.begun)+takes > m.budget
}

// round runs each variant once.
func (m *measurement) round(ctx context.Context) error {
	for n, i := range m.order.Perm(len(m.chosen)) {
		v := m.chosen[i]
		r := m.results[v.name]
		if r.missing != nil || r.failed != nil {
			continue
		}
		if m.late(0) {
			break
		}
		s, err := m.once(ctx, v)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		at := fmt.Sprintf("round %d of %d, %2d of %d: %-19s", m.rounds+1, m.options.rounds, n+1, len(m.chosen), v.name)
		if err != nil {
			r.failed = err
			fmt.Fprintf(m.progress, "%s %v\n", at, err)
			continue
		}
		r.samples = append(r.samples, s)
		fmt.Fprintf(m.progress, "%s %7.3f s %7.0f MB/s\n", at, s.Seconds, rateOf(m.bed.size, s.Seconds))
	}
	m.rounds++
	return nil
}

func (m *measurement) once(ctx context.Context, v variant) (s sample, err error) {
	at, err := m.bed.newSite(m.warm)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, at.remove()) }()
	if s, err = v.run(ctx, at); err != nil || v.noCopy {
		return s, err
	}
	return s, at.check(m.rounds == 0)
}

// warm is called right before the clock starts.
func (m *measurement) warm() error {
	if err := m.bed.readSource(); err != nil {
		return err
	}
	return warmUp(m.bed.size * 3 / 2)
}

// rateOf is in millions of bytes a second.
func rateOf(size int64, seconds float64) float64 { return float64(size) / 1e6 / seconds }
