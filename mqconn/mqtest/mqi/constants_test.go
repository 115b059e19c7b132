package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTableBecomesHeaders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "table.go")
	const table = `package ibmmq
const (
	MQRC_FIRST  int32 = 1
	MQRC_NONE   int32 = 0
	MQRC_REAL   int32 = 1
	MQXX_LOWEST int32 = -2147483648
	MQXX_MINUS  int32 = -1
	MQFMT_STRING string = "MQSTR"
	MQSEG_INHIBITED rune = ' '
	other = 3
)`
	if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := readConstants(file)
	if err != nil {
		t.Fatal(err)
	}
	header := string(c.header())
	for _, line := range []string{
		"#define MQRC_NONE 0", "#define MQXX_LOWEST (-2147483647 - 1)", "#define MQXX_MINUS (-1)",
		`#define MQFMT_STRING "MQSTR   "`, "#define MQSEG_INHIBITED ' '",
	} {
		if !strings.Contains(header, line+"\n") {
			t.Errorf("no line %s in\n%s", line, header)
		}
	}
	if strings.Contains(header, "other") {
		t.Error("a constant that is not the MQI's")
	}
	if names := c.Set("MQRC"); len(names) != 2 || names[1] != "MQRC_REAL" {
		t.Errorf("names: %v: a bound must not hide a name", names)
	}
}

func TestTableThatIsNotPlainIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "table.go")
	for _, table := range []string{"package ibmmq", "package ibmmq\nconst MQXX = len(\"x\")", "nonsense"} {
		if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readConstants(file); err == nil {
			t.Errorf("accepted: %s", table)
		}
	}
}
