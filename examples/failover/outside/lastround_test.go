package outside

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// A whole transfer can fit between two rounds. What appeared during the last one was left behind,
// and a second delivery was reported as a file that was never taken.
func TestFileThatAppearsInTheLastRoundIsTaken(t *testing.T) {
	dir := t.TempDir()
	c := &Consumer{From: filepath.Join(dir, "from"), To: filepath.Join(dir, "to"), Log: filepath.Join(dir, "log"), Sabotage: Twice}
	if err := os.Mkdir(c.From, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.From, "x"), []byte("once"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if n, err := deliveries(c.Log); err != nil || n["x"] != 2 {
		t.Errorf("deliveries %v, %v", n, err)
	}
	if left, err := os.ReadDir(c.From); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
