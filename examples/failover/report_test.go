package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn/mqtest"
)

func TestKillsAreSpreadAndVaryWithTheSeed(t *testing.T) {
	orders := make(map[string]bool)
	for seed := range uint64(200) {
		kills := planKills(seed)
		var order []string
		last := 0.0
		for _, k := range kills {
			order = append(order, k.what)
			if k.percent < earliest || k.percent > latest || k.percent < last+margin {
				t.Fatalf("seed %d: %+v", seed, kills)
			}
			last = k.percent
		}
		orders[strings.Join(order, ", ")] = true
		slices.Sort(order)
		if !slices.Equal(order, []string{theDestination, theQueueManager, theSource}) {
			t.Fatalf("seed %d kills %v", seed, order)
		}
		if !slices.Equal(kills, planKills(seed)) {
			t.Fatalf("seed %d is not the same twice", seed)
		}
	}
	if len(orders) != 6 {
		t.Errorf("orders: %v", orders)
	}
}

// A run of 1000 MiB as it should be: killed and resumed at 20, 50 and 80 %, with 10 MiB sent again each time.
const mib = 1 << 20

func goodRun() ([]kill, []resume, map[string][]sentFrame) {
	kills := []kill{
		{what: theSource, at: at(20), durable: 200 * mib, takeover: 300 * time.Millisecond, epoch: 2, successor: "second", resumed: resume{at: at(22), offset: 200 * mib}},
		{what: theQueueManager, at: at(50), durable: 500 * mib, takeover: 600 * time.Millisecond, epoch: 2, reconnect: 400 * time.Millisecond, resumed: resume{at: at(52), offset: 500 * mib}},
		{what: theDestination, at: at(80), durable: 800 * mib, takeover: 500 * time.Millisecond, epoch: 2, resumed: resume{at: at(82), offset: 800 * mib}},
	}
	var resumes []resume
	for _, k := range kills {
		resumes = append(resumes, k.resumed)
	}
	return kills, resumes, map[string][]sentFrame{
		"first":  {{at: at(1), payload: 210 * mib, first: true}},
		"second": {{at: at(21)}, {at: at(23), payload: 310 * mib}, {at: at(53), payload: 310 * mib}, {at: at(83), payload: 200 * mib}},
	}
}

func TestGoodRunHasNoProblems(t *testing.T) {
	var r report
	kills, resumes, frames := goodRun()
	r.judgeKills(kills, 3, resumes, frames, 1000*mib)
	if len(r.Problems) > 0 {
		t.Fatalf("problems: %q", r.Problems)
	}
	want := []killReport{
		{What: theSource, AtPercent: 20, ResumedPercent: 20, Resent: 10 * mib, Epoch: 2, TakeoverMS: 300, FirstFrameMS: 3000},
		{What: theQueueManager, AtPercent: 50, ResumedPercent: 50, Resent: 10 * mib, Epoch: 2, TakeoverMS: 600, ReconnectMS: 400},
		{What: theDestination, AtPercent: 80, ResumedPercent: 80, Resent: 10 * mib, Epoch: 2, TakeoverMS: 500},
	}
	if !slices.Equal(r.Kills, want) {
		t.Errorf("kills %+v\nwant  %+v", r.Kills, want)
	}
	if r.Resent != 30*mib || r.TakeoverMS != 300 || r.ReconnectMS != 400 {
		t.Errorf("re-sent %d, takeover %d ms, reconnect %d ms", r.Resent, r.TakeoverMS, r.ReconnectMS)
	}
}

func TestSendingEverythingAgainIsNotResuming(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(kills []kill, resumes []resume, frames map[string][]sentFrame) []kill
		want  string
	}{
		{"a kill is missing", func(k []kill, _ []resume, _ map[string][]sentFrame) []kill { return k[:2] }, "2 of 3 kills were carried out"},
		{"a kill met a finished transfer", func(k []kill, _ []resume, _ map[string][]sentFrame) []kill {
			k[2].finished = true
			return k
		}, "met a finished transfer"},
		{"resumed far before the kill", func(k []kill, _ []resume, _ map[string][]sentFrame) []kill {
			k[1].resumed.offset--
			return k
		}, "killed the queue manager with 524288000 bytes durable, but resumed at 524287999"},
		{"killed too early", func(k []kill, _ []resume, _ map[string][]sentFrame) []kill {
			k[0].durable = 149 * mib
			return k
		}, "killed the source at 14.90 %"},
		{"killed too late", func(k []kill, _ []resume, _ map[string][]sentFrame) []kill {
			k[2].durable, k[2].resumed.offset = 851*mib, 851*mib
			return k
		}, "killed the destination at 85.10 %"},
		{"sent too much again", func(k []kill, r []resume, f map[string][]sentFrame) []kill {
			f["second"][1].payload += 60 * mib
			return k
		}, "re-sent 73400320 bytes after killing the queue manager"},
		{"the successor had nothing to do", func(k []kill, r []resume, f map[string][]sentFrame) []kill {
			f["first"] = append(f["first"], f["second"]...)
			f["second"] = nil
			return k
		}, "second took over, but sent only 0"},
		{"the successor sent everything again", func(k []kill, r []resume, f map[string][]sentFrame) []kill {
			r[0].offset = 0
			k[0].resumed.offset = 0
			f["first"][0].payload = 950 * mib
			f["second"] = []sentFrame{{at: at(23), payload: 510 * mib, first: true}, {at: at(53), payload: 310 * mib}, {at: at(83), payload: 200 * mib}}
			return k
		}, "second took over, but sent only 52428800 of 1048576000 bytes that had not been sent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r report
			kills, resumes, frames := goodRun()
			kills = c.spoil(kills, resumes, frames)
			r.judgeKills(kills, 3, resumes, frames, 1000*mib)
			if !slices.ContainsFunc(r.Problems, func(p string) bool { return strings.Contains(p, c.want) }) {
				t.Errorf("%q is not among %q", c.want, r.Problems)
			}
		})
	}
}

func TestLastLineSaysWhatHappened(t *testing.T) {
	lastLine := func(r report, asJSON bool) string {
		var b bytes.Buffer
		if err := r.write(&b, asJSON); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		return lines[len(lines)-1]
	}
	r := report{
		Files: 3, Bytes: 1000, Seconds: 4.25, TakeoverMS: 300, ReconnectMS: 400, Resent: 20,
		Kills: []killReport{{What: theSource, AtPercent: 20, TakeoverMS: 300, FirstFrameMS: 320}, {What: theQueueManager}}, Links: []string{"tree/link"},
	}
	if got, want := lastLine(r, false), "identical: 3 files, 1000 bytes, 4.2 s; takeover 300 ms; reconnect 400 ms; re-sent 20 bytes"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var b bytes.Buffer
	if err := r.write(&b, false); err != nil || !strings.Contains(b.String(), "source killed at 20.00 %: takeover 300 ms, first resumed frame 320 ms;") {
		t.Errorf("%v, the time to the first frame is not in %q", err, b.String())
	}
	for _, field := range []string{"epoch", "takeover_ms"} {
		if got := lastLine(r, true); strings.Count(got, `"`+field+`":`) < 2+strings.Count(field, "takeover") {
			t.Errorf("%s is not told of each kill: %s", field, got)
		}
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(lastLine(r, true)), &object); err != nil || object["identical"] != true {
		t.Errorf("%v %v", object, err)
	}
	r.problem("tree/a: missing")
	if got := lastLine(r, false); strings.Contains(got, "identical") {
		t.Errorf("got %q", got)
	}
	if got := lastLine(r, true); !strings.Contains(got, `"identical":false`) || !strings.Contains(got, "tree/a: missing") {
		t.Errorf("got %q", got)
	}
}

func TestAgentsOfTwoLibrariesAreNoProof(t *testing.T) {
	for n, want := range []int{1, 0, 1} {
		connections := make(map[library]int)
		for i := range n {
			connections[library{Name: "library", Version: fmt.Sprint(i)}] = 7
		}
		var r report
		r.judgeLibraries(connections)
		if len(r.Problems) != want || len(r.Libraries) != n {
			t.Errorf("%d libraries: %v, problems %q", n, r.Libraries, r.Problems)
		}
	}
}

func TestConnectionThroughAnotherLibraryIsFound(t *testing.T) {
	told := map[library]int{{Name: "l"}: 3}
	for _, c := range []struct {
		name    string
		through string
		counted []connections
		want    string // a part of the one problem; empty: none
	}{
		{"all through C", "jms20", []connections{{"in", mqtest.LibraryC, 2}, {"out", mqtest.LibraryC, 2}}, ""},
		{"one through Go", "jms20", []connections{{"in", mqtest.LibraryC, 3}, {"out", mqtest.LibraryGo, 1}}, "1 connections of out"},
		{"one through nobody knows what", "ibmmq", []connections{{"in", mqtest.LibraryC, 3}, {"out", mqtest.LibraryUnknown, 1}}, "unknown"},
		{"all through Go", throughTest, []connections{{"in", mqtest.LibraryGo, 3}}, ""},
		{"one through C", throughTest, []connections{{"in", mqtest.LibraryGo, 3}, {"in", mqtest.LibraryC, 1}}, "C double"},
		{"counted before and after a kill", "ibmmq", []connections{{"in", mqtest.LibraryC, 2}, {"in", mqtest.LibraryC, 2}}, ""},
		{"more told than counted", "jms20", []connections{{"in", mqtest.LibraryC, 2}}, "counted 2"},
	} {
		var r report
		r.judgeConnections(c.through, c.counted, told)
		text := strings.Join(r.Problems, "; ")
		if len(r.Problems) > 1 || (text == "") != (c.want == "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
	}
	var r report
	if r.judgeConnections("jms20", nil, nil); len(r.Problems) != 1 {
		t.Errorf("nobody was counted: %v", r.Problems)
	}
}
