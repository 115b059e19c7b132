package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReasonsOfPackageMqrcAreUpToDate(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "mqconn", "mqrc")
	want, err := generate(dir)
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(filepath.Join(dir, "reasons.go"))
	if err != nil {
		t.Fatal(err)
	}
	// A checkout on Windows may have changed the ends of lines.
	if !bytes.Equal(bytes.ReplaceAll(have, []byte("\r\n"), []byte("\n")), want) {
		t.Error("mqconn/mqrc/reasons.go: run go generate ./mqconn/mqrc")
	}
}

func TestListThatIsWrongIsRefused(t *testing.T) {
	for text, what := range map[string]string{
		"NOSUCH_REASON c nothing\n":                   "not in mq-golang's table",
		"BACKED_OUT x meaning\n":                      "not name, calls, meaning",
		"BACKED_OUT m\n":                              "not name, calls, meaning",
		"BACKED_OUT m once\nBACKED_OUT m and again\n": "listed twice",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "reasons.txt"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := generate(dir); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestNamesAreThoseOfGo(t *testing.T) {
	for c, want := range map[string]string{
		"MQRC_Q_MGR_NOT_AVAILABLE": "QMgrNotAvailable", "MQRC_HCONN_ERROR": "HConnError", "MQRC_NONE": "None",
		"MQRC_SSL_PEER_NAME_MISMATCH": "SSLPeerNameMismatch", "MQRC_UNKNOWN_OBJECT_NAME": "UnknownObject",
	} {
		if got := goName(c); got != want {
			t.Errorf("%s is %s, want %s", c, got, want)
		}
	}
}
