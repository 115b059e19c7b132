package cmqc_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mqha/mqha/internal/cmqc"
)

func TestBoundDoesNotHideAName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "table.go")
	const table = `package ibmmq
const (
	MQRC_FIRST  int32 = 1
	MQRC_NONE   int32 = 0
	MQRC_REAL   int32 = 1
	MQXX_MINUS  int32 = -1
	other = 3
)`
	if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := cmqc.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if names := c.Set("MQRC"); len(names) != 2 || names[1] != "MQRC_REAL" || names[0] != "MQRC_NONE" {
		t.Errorf("names: %v", names)
	}
	if names := c.Set("MQXX"); names[-1] != "MQXX_MINUS" || len(c.Names) != 4 {
		t.Errorf("%v, %v", names, c.Names)
	}
}
