package main

import (
	"encoding/json"
	"io"
	"slices"
	"time"
)

// report is all that a measurement has to say. The table shows nothing else.
type report struct {
	Date           time.Time       `json:"date"`
	Took           float64         `json:"took_seconds"`
	Machine        machine         `json:"machine"`
	Size           int64           `json:"size_bytes"`
	Rounds         int             `json:"rounds"` // that came to their end
	RoundsWanted   int             `json:"rounds_wanted"`
	Quick          bool            `json:"quick"`
	Seed           uint64          `json:"seed"`
	FreePageWarmup bool            `json:"free_page_warmup"` // before each run; Linux alone
	LoadBefore     float64         `json:"load_before"`      // processes that wanted to run in the minute before
	Others         float64         `json:"others"`           // share of the processors that was not ours during the runs
	Variants       []variantReport `json:"variants"`
	Goals          []goalReport    `json:"goals"`
}

type variantReport struct {
	Name        string   `json:"name"`
	What        string   `json:"what"`
	Runs        int      `json:"runs"`
	MBPerSecond spread   `json:"mb_per_second"` // of the whole file
	Seconds     spread   `json:"seconds"`
	CPUSeconds  float64  `json:"cpu_seconds"`
	Memory      int64    `json:"memory_bytes,omitempty"`        // of the larger process; ours alone
	FirstFrame  float64  `json:"first_frame_seconds,omitempty"` // of the engine's sender
	Allocations *float64 `json:"allocations_per_frame,omitempty"`
	NotMeasured string   `json:"not_measured,omitempty"` // why
	Failed      string   `json:"failed,omitempty"`       // why it does not run, or not any more
}

type goalReport struct {
	Name    string         `json:"name"`
	Verdict verdict        `json:"verdict"`
	Clauses []clauseReport `json:"clauses"`
}

type clauseReport struct {
	Text    string   `json:"text"`
	Value   *float64 `json:"value,omitempty"`
	Least   *float64 `json:"least,omitempty"`
	Most    *float64 `json:"most,omitempty"`
	Unit    string   `json:"unit"` // x: a ratio
	Verdict verdict  `json:"verdict"`
	Reason  string   `json:"reason,omitempty"`

	Ceiling     *float64 `json:"ceiling,omitempty"` // what the machine allows of Value
	CeilingText string   `json:"ceiling_text,omitempty"`
}

func newReport(m *measurement, goals []goal) *report {
	r := &report{
		Machine: thisMachine(m.bed.dir), Size: m.bed.size, Rounds: m.rounds, RoundsWanted: m.options.rounds,
		Quick: m.quick, Seed: m.seed, FreePageWarmup: warmable,
	}
	var all []sample
	for _, v := range m.chosen {
		res := m.results[v.name]
		all = append(all, res.samples...)
		r.Variants = append(r.Variants, m.variantReport(v, res))
	}
	if len(all) > 0 {
		r.Others = others(m, all)
	}
	for _, g := range goals {
		r.Goals = append(r.Goals, m.goalReport(g))
	}
	return r
}

func (m *measurement) variantReport(v variant, res *result) variantReport {
	r := variantReport{Name: v.name, What: v.what, Runs: len(res.samples)}
	if res.missing != nil {
		r.NotMeasured = res.missing.Error()
	}
	if res.failed != nil {
		r.Failed = res.failed.Error()
	}
	if len(res.samples) == 0 {
		return r
	}
	var rates, took []float64
	for _, s := range res.samples {
		rates, took = append(rates, rateOf(m.bed.size, s.Seconds)), append(took, s.Seconds)
	}
	r.MBPerSecond, r.Seconds = spreadOf(rates), spreadOf(took)
	r.CPUSeconds = median(res.samples, func(s sample) float64 { return s.CPU })
	r.Memory = int64(median(res.samples, func(s sample) float64 { return float64(s.PeakMemory) }))
	r.FirstFrame = median(res.samples, func(s sample) float64 { return s.FirstFrame })
	if a := median(res.samples, func(s sample) float64 { return s.AllocsPerFrame }); r.FirstFrame > 0 && a >= 0 {
		r.Allocations = &a
	}
	return r
}

func (m *measurement) goalReport(g goal) goalReport {
	r := goalReport{Name: g.name}
	var verdicts []verdict
	for _, c := range g.clauses {
		cr := clauseReport{Text: c.text, Unit: c.unit}
		if c.over.figure != nil {
			cr.Unit = "x"
		}
		if c.least > 0 {
			cr.Least = &c.least
		} else {
			cr.Most = &c.most
		}
		v, value, why := m.judge(c)
		cr.Verdict, cr.Reason = v, why
		if why == "" {
			cr.Value = &value
		}
		if ceiling := m.ceilingOf(c); ceiling > 0 {
			cr.Ceiling, cr.CeilingText = &ceiling, c.ceilingText
		}
		r.Clauses = append(r.Clauses, cr)
		verdicts = append(verdicts, v)
	}
	r.Verdict = together(verdicts)
	return r
}

// missed says that a goal was measured and not reached.
func (r *report) missed() bool {
	return slices.ContainsFunc(r.Goals, func(g goalReport) bool { return g.Verdict == fail })
}

func (r *report) json(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
