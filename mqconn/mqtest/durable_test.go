package mqtest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

func startIn(t *testing.T, dir string) *mqtest.QueueManager {
	t.Helper()
	return mqtest.New(t, mqtest.Options{Dir: dir, MQSC: definitions})
}

func TestTornTailIsForgotten(t *testing.T) {
	dir := t.TempDir()
	qm := startIn(t, dir)
	c := dial(t, qm.Dialer(), "", true)
	put(t, c, "A", "whole", true)
	if err := c.Commit(); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "messages.log")
	whole := size(t, log)
	put(t, c, "A", "torn 1", true)
	put(t, c, "B", "torn 2", true)
	if err := c.Commit(); err != nil {
		t.Fatal(err)
	}
	qm.Kill()
	all, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(name string, bytes []byte, wantB int) {
		t.Run(name, func(t *testing.T) {
			other := t.TempDir()
			copyFile(t, filepath.Join(dir, "objects.mqsc"), filepath.Join(other, "objects.mqsc"))
			if err := os.WriteFile(filepath.Join(other, "messages.log"), bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			qm := startIn(t, other)
			wantDepth(t, qm, "A", 1+wantB)
			wantDepth(t, qm, "B", wantB)
			qm.Kill()
			wantDepth(t, startIn(t, other), "A", 1+wantB) // the tail was cut off, not hidden
		})
	}
	damaged("nothing torn", all, 1)
	for _, n := range []int64{1, 7, 8, 9, 100, int64(len(all)) - whole - 1} {
		damaged(fmt.Sprintf("%d bytes of the last record", n), all[:whole+n], 0)
	}
	flipped := append([]byte(nil), all...)
	flipped[len(flipped)-1] ^= 1
	damaged("a bit flipped", flipped, 0)
	damaged("zeros behind it", append(append([]byte(nil), all[:whole]...), make([]byte, 1000)...), 0)
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestForeignLogIsRefused(t *testing.T) {
	for _, content := range []string{"", "short", "ANOTHER LOG, LONG ENOUGH"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "messages.log"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if qm, err := mqtest.Start(mqtest.Options{Dir: dir}); err == nil {
			t.Errorf("%q was taken for a log", content)
			_ = qm.Close()
		}
	}
}

func TestOneQueueManagerPerDirectory(t *testing.T) {
	dir := t.TempDir()
	qm := startIn(t, dir)
	if _, err := mqtest.Start(mqtest.Options{Dir: dir}); !errors.Is(err, mqtest.ErrInUse) {
		t.Fatalf("got %v", err)
	}
	qm.Kill()
	startIn(t, dir)
}

func TestPriorityAndOrderSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	qm := startIn(t, dir)
	a, b := dial(t, qm.Dialer(), "", true), dial(t, qm.Dialer(), "", true)
	put(t, a, "A", "put first", true)
	put(t, b, "A", "put second", true)
	m := mqconn.Message{Body: []byte("urgent"), Priority: 5, Persistent: true}
	if err := a.Put(mqconn.Address{Queue: "A"}, &m); err != nil {
		t.Fatal(err)
	}
	for _, c := range []mqconn.Transport{b, a} { // committed in the other order
		if err := c.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if err := qm.Close(); err != nil {
		t.Fatal(err)
	}
	c := dial(t, startIn(t, dir).Dialer(), "", false)
	for _, text := range []string{"urgent", "put first", "put second", ""} {
		get(t, c, "A", text)
	}
}

func TestLogIsCompactedWhenItIsMostlyOld(t *testing.T) {
	dir := t.TempDir()
	qm := startIn(t, dir)
	c := dial(t, qm.Dialer(), "", false)
	put(t, c, "B", "kept", true)
	text := strings.Repeat("x", 4<<20)
	for range 18 { // 72 MiB in all
		put(t, c, "A", text, true)
		get(t, c, "A", text)
	}
	if n := size(t, filepath.Join(dir, "messages.log")); n > 32<<20 {
		t.Errorf("the log has %d bytes", n)
	}
	put(t, c, "B", "kept too", true)
	qm.Kill()
	c = dial(t, startIn(t, dir).Dialer(), "", false)
	get(t, c, "B", "kept")
	get(t, c, "B", "kept too")
	get(t, c, "A", "")
}
