package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// ran are results of a file of 100 MB: so many seconds in each round.
func ran(seconds ...float64) *result {
	r := &result{}
	for _, s := range seconds {
		r.samples = append(r.samples, sample{Seconds: s, CPU: 2 * s})
	}
	return r
}

func measured(results map[string]*result) *measurement {
	return &measurement{bed: &bed{size: 100e6}, cores: 2, results: results, options: options{rounds: 3}, rounds: 3}
}

func TestVerdicts(t *testing.T) {
	twice := faster("a", "b", 2)
	limit := atMost("", "a", seconds, 3, "s")
	for _, tt := range []struct {
		name   string
		a, b   *result
		clause clause
		want   verdict
		value  float64
	}{
		{"reached exactly", ran(1, 1, 1), ran(2, 2, 2), twice, pass, 2},
		{"missed", ran(1.01, 1.01, 1.01), ran(2, 2, 2), twice, fail, 2 / 1.01},
		{"the median counts and not the mean", ran(1, 1, 50), ran(2, 2, 2), twice, pass, 2},
		{"as good as the limit", ran(3), nil, limit, pass, 3},
		{"worse than the limit", ran(3.5), nil, limit, fail, 3.5},
		{"ours is missing", &result{missing: errors.New("x")}, ran(1), twice, notMeasured, 0},
		{"ours failed", &result{failed: errors.New("x")}, ran(1), twice, fail, 0},
		{"ours failed in a later round", &result{samples: ran(1).samples, failed: errors.New("x")}, ran(2), twice, fail, 0},
		{"the other is missing", ran(1), &result{missing: errors.New("x")}, twice, notMeasured, 0},
		{"the other failed", ran(1), &result{failed: errors.New("x")}, twice, notMeasured, 0},
		{"what the system does not tell is not measured", ran(1), nil, atMost("", "a", memory, 3, "MiB"), notMeasured, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := measured(map[string]*result{"a": tt.a})
			if tt.b != nil {
				m.results["b"] = tt.b
			}
			v, value, why := m.judge(tt.clause)
			if v != tt.want || value < tt.value*0.999 || value > tt.value*1.001 || (why == "") != (tt.value > 0) {
				t.Errorf("%s, %f, %q", v, value, why)
			}
		})
	}
}

func TestGoalIsAsBadAsItsWorstPart(t *testing.T) {
	for _, tt := range []struct {
		parts []verdict
		want  verdict
	}{
		{[]verdict{pass, pass}, pass},
		{[]verdict{pass, notMeasured}, notMeasured},
		{[]verdict{notMeasured, fail, pass}, fail},
	} {
		if got := together(tt.parts); got != tt.want {
			t.Errorf("%v: %s", tt.parts, got)
		}
	}
}

func TestFigures(t *testing.T) {
	m := measured(nil)
	s := sample{Seconds: 2, CPU: 1, Busy: 3, outcome: outcome{PeakMemory: 5 * mib, GCsPerGiB: 3, AllocsPerFrame: 1.9, Read: 1}, Reread: 7 * mib}
	for name, tt := range map[string]struct {
		f    figure
		want float64
	}{
		"rate":            {rate, 50},
		"seconds":         {seconds, 2},
		"processor bound": {processorBound, 200},
		"processor time":  {processorTime, 10.737},
		"memory":          {memory, 5},
		"collections":     {collections, 3},
		"allocations":     {allocations, 1},
		"reread":          {reread, 7},
		"others":          {others, 0.5},
	} {
		if got := tt.f(m, []sample{s}); got < tt.want*0.999 || got > tt.want*1.001 {
			t.Errorf("%s: %f instead of %f", name, got, tt.want)
		}
	}
}

// A goal that names a variant that does not exist could never be measured.
func TestGoalsNeedVariantsThatExist(t *testing.T) {
	for _, g := range allGoals {
		goals, chosen, err := choose(g.name)
		if err != nil || len(goals) != 1 {
			t.Fatalf("%s: %v, %v", g.name, goals, err)
		}
		have := map[string]bool{}
		for _, v := range chosen {
			have[v.name] = true
		}
		for _, need := range g.needs() {
			if !have[need] {
				t.Errorf("%s needs %q", g.name, need)
			}
		}
		for _, c := range g.clauses {
			if c.least > 0 && c.most > 0 || c.least == 0 && c.over.figure != nil {
				t.Errorf("%s: %q has no limit, or two", g.name, c.text)
			}
		}
	}
}

// sampleReport has one of everything.
func sampleReport() *report {
	m := measured(map[string]*result{
		"engine-sha256": ran(1, 1.25, 1.5), "ref-sha256": ran(1, 1, 1), "rclone": {missing: errors.New("not\nhere")},
		"engine-crc": {failed: errors.New("broken")}, "ref-crc": ran(2),
	})
	m.chosen = []variant{{name: "engine-sha256", what: "ours"}, {name: "ref-sha256"}, {name: "rclone"}, {name: "engine-crc"}, {name: "ref-crc"}}
	return newReport(m, []goal{
		{"G1", []clause{faster("engine-crc", "ref-crc", 0.9)}},
		{"G2", []clause{faster("engine-sha256", "ref-sha256", 0.9).under(processorsOf("ref-sha256")), atMost("time", "engine-sha256", seconds, 2, "s").under("ref-sha256", quantity{"ref-sha256", seconds})}},
		{"G5", []clause{faster("engine-sha256", "rclone", 1.4).under(processorsOf("ref-sha256"))}},
	})
}

func TestTableAndJSONAgree(t *testing.T) {
	r := sampleReport()
	var table, again, encoded bytes.Buffer
	if err := errors.Join(r.table(&table), r.json(&encoded)); err != nil {
		t.Fatal(err)
	}
	var decoded report
	if err := json.Unmarshal(encoded.Bytes(), &decoded); err != nil {
		t.Fatal(err)
	}
	if err := decoded.table(&again); err != nil {
		t.Fatal(err)
	}
	if table.String() != again.String() {
		t.Errorf("the JSON has less than the table:\n%s\n%s", &table, &again)
	}
	for _, line := range []string{
		"engine-sha256 80 [67..100] 1.250 2.50 3 ours",
		"rclone NOT MEASURED 0 : not; here",
		"engine-crc failed 0 : broken",
		"G1 FAIL",
		"FAIL engine-crc to ref-crc >= 0.90 x broken",
		"G2 FAIL",
		"FAIL engine-sha256 to ref-sha256 >= 0.90 x 0.80 x (all processors' work for ref-sha256: 1.00 x)",
		"PASS time <= 2.00 s 1.25 s (ref-sha256: 1.00 s)",
		"G5 NOT MEASURED",
		"NOT MEASURED engine-sha256 to rclone >= 1.40 x not; here",
		"Too small, or too few rounds, for a verdict to count.",
	} {
		if !strings.Contains(fieldsOf(table.String()), "\n"+line+"\n") {
			t.Errorf("no line %q in\n%s", line, &table)
		}
	}
	if !r.missed() {
		t.Error("nothing was missed")
	}
}

// fieldsOf has one blank between the columns.
func fieldsOf(table string) string {
	var b strings.Builder
	for line := range strings.Lines(table) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}

// Figures of a machine that works for others are said to be that.
func TestBusyMachineIsSaid(t *testing.T) {
	for others, want := range map[float64]bool{0.1: false, 0.5: true} {
		r := sampleReport()
		r.Others = others
		var table bytes.Buffer
		if err := r.table(&table); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(table.String(), "too busy") != want {
			t.Errorf("%.1f: %s", others, &table)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{9, 1, 2}, spread{2, 1, 9}},
		{[]float64{4, 1, 2, 9}, spread{3, 1, 9}},
	} {
		if got := spreadOf(tt.values); got != tt.want {
			t.Errorf("%v: %+v", tt.values, got)
		}
	}
}
