//go:build ibmmq && cgo

package main

import (
	"strings"
	"testing"
)

func TestTransferSurvivesThroughIBMsClients(t *testing.T) {
	for through, want := range map[string]string{"jms20": "/mq-golang-jms20", "ibmmq": "/mq-golang/v5"} {
		t.Run(through, func(t *testing.T) {
			code, r := play(t, smallSource(t), "-transport", through, "-big", "24MiB", "-pace", "2s", "-outage", "200ms")
			if code != 0 || !r.Identical {
				t.Fatalf("exit code %d, %+v", code, r)
			}
			checkResumed(t, r)
			if len(r.Libraries) != 1 || !strings.HasSuffix(r.Libraries[0].Name, want) {
				t.Errorf("libraries: %v", r.Libraries)
			}
		})
	}
}
