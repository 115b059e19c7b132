package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table writes the report for people.
func (r *report) table(w io.Writer) error {
	var b bytes.Buffer
	r.head(&b)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nvariant\tMB/s median [min..max]\tseconds\tCPU s\tmemory\tn\twhat")
	for i := range r.Variants {
		fmt.Fprintln(t, r.Variants[i].row())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Goals) > 0 {
		fmt.Fprintln(t, "\ngoal\tverdict\tof its parts\t\twanted\tmeasured")
		for i := range r.Goals {
			r.Goals[i].rows(t)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	_, err := w.Write(trimLines(b.Bytes()))
	return err
}

// crowded is a share of the processors that cannot be the kernel's write-back alone, which takes about
// 0.1 ns a byte: a tenth of two processors at 2 GB/s.
const crowded = 0.3

func (r *report) head(w io.Writer) {
	size, m := byteCount(r.Size), &r.Machine
	fmt.Fprintf(w, "%s, %s %s, %d x %s, %.0f GiB, %s, %s\n", r.Date.Format("2 January 2006, 15:04 MST"), m.System, m.Kernel,
		m.Cores, m.Processor, float64(m.Memory)/(1<<30), m.FileSystem, m.Go)
	fmt.Fprintf(w, "%s of random bytes, %d of %d rounds in random order (seed %d), %.0f s\n", &size, r.Rounds, r.RoundsWanted, r.Seed, r.Took)
	if !r.FreePageWarmup {
		fmt.Fprintln(w, "Without the warm-up of free memory, which this system does not have: on a virtual machine the figures may be the host's.")
	}
	if m.Kernel != "" { // else nobody has counted
		fmt.Fprintf(w, "Load before %.1f; others and the kernel's write-back had %.0f %% of the processors during the runs.\n", r.LoadBefore, 100*r.Others)
	}
	if r.Others > crowded {
		fmt.Fprintln(w, "The machine was too busy with other things for a verdict to count.")
	}
	if r.Quick || r.Rounds < 5 {
		fmt.Fprintln(w, "Too small, or too few rounds, for a verdict to count.")
	}
}

func (v *variantReport) row() string {
	switch {
	case v.NotMeasured != "":
		return fmt.Sprintf("%s\t%s\t\t\t\t0\t%s: %s", v.Name, notMeasured, v.What, oneLine(v.NotMeasured))
	case v.Runs == 0:
		return fmt.Sprintf("%s\tfailed\t\t\t\t0\t%s: %s", v.Name, v.What, oneLine(v.Failed))
	}
	what := v.What
	if v.FirstFrame > 0 {
		what += fmt.Sprintf("; first frame after %.0f ms", 1000*v.FirstFrame)
	}
	if v.Allocations != nil {
		what += fmt.Sprintf("; %.1f allocations a frame", *v.Allocations)
	}
	if v.Failed != "" {
		what += "; then failed: " + oneLine(v.Failed)
	}
	memory := ""
	if v.Memory > 0 {
		memory = fmt.Sprintf("%.1f MiB", float64(v.Memory)/mib)
	}
	s := v.MBPerSecond
	return fmt.Sprintf("%s\t%.0f [%.0f..%.0f]\t%.3f\t%.2f\t%s\t%d\t%s", v.Name, s.Median, s.Min, s.Max, v.Seconds.Median, v.CPUSeconds, memory, v.Runs, what)
}

func (g *goalReport) rows(w io.Writer) {
	fmt.Fprintf(w, "%s\t%s\t\t\t\t\n", g.Name, g.Verdict)
	for i := range g.Clauses {
		c := &g.Clauses[i]
		measured := oneLine(c.Reason)
		if c.Value != nil {
			measured = c.number(*c.Value)
		}
		if c.Ceiling != nil {
			measured += fmt.Sprintf(" (%s: %s)", c.CeilingText, c.number(*c.Ceiling))
		}
		fmt.Fprintf(w, "\t\t%s\t%s\t%s\t%s\n", c.Verdict, c.Text, c.wanted(), measured)
	}
}

func (c *clauseReport) wanted() string {
	if c.Least != nil {
		return ">= " + c.number(*c.Least)
	}
	return "<= " + c.number(*c.Most)
}

func (c *clauseReport) number(v float64) string {
	return strings.TrimSpace(fmt.Sprintf("%.2f %s", v, c.Unit))
}

func oneLine(s string) string { return strings.ReplaceAll(s, "\n", "; ") }

// trimLines takes away the blanks that columns leave at the ends.
func trimLines(b []byte) []byte {
	var out []byte
	for line := range bytes.Lines(b) {
		out = append(append(out, bytes.TrimRight(line, " \n")...), '\n')
	}
	return out
}
