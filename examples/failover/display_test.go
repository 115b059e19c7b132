package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProgressIsLinesWhereThereIsNoTerminal(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	d := newDisplay(out)
	for _, durable := range []int64{0, 5, 19, 20, 21, 100} {
		d.progress(durable, 100)
	}
	d.say("killed %s", "it")
	d.finish()
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		_, line, _ = strings.Cut(line, " s  ")
		got = append(got, strings.TrimSpace(line))
	}
	// One line for each tenth that is reached.
	want := "0 % durable, 0 of 100 bytes|10 % durable, 19 of 100 bytes|20 % durable, 20 of 100 bytes|100 % durable, 100 of 100 bytes|killed it"
	if strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
}
