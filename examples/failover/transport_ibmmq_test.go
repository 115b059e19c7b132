//go:build ibmmq && cgo

package main

import (
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn/mqtest"
)

func TestTransferSurvivesThroughIBMsClients(t *testing.T) {
	for through, want := range map[string]string{"jms20": "/mq-golang-jms20", "ibmmq": "/mq-golang/v5"} {
		t.Run(through, func(t *testing.T) {
			code, r := play(t, smallSource(t), "-transport", through, "-big", "24MiB", "-pace", "5s", "-outage", "200ms")
			if code != 0 || !r.Identical {
				t.Fatalf("exit code %d, %+v", code, r)
			}
			checkResumed(t, r)
			if len(r.Libraries) != 1 || !strings.HasSuffix(r.Libraries[0].Name, want) || !strings.HasPrefix(r.Libraries[0].Version, "v") {
				t.Errorf("libraries: %v", r.Libraries)
			}
			roles := make(map[string]bool)
			for _, c := range r.Connections {
				roles[c.Application] = true
				if c.Library != mqtest.LibraryC || c.Count <= 0 {
					t.Errorf("connections: %+v", c)
				}
			}
			if len(roles) < 4 {
				t.Errorf("an agent has four connections, and a client its own: %v", r.Connections)
			}
		})
	}
}

func TestOneConnectionOfThePureGoClientIsFound(t *testing.T) {
	for _, through := range []string{"jms20", "ibmmq"} {
		code, r := play(t, smallSource(t), "-transport", through, "-faults=false", "-big", "1MiB", "-pace", "-1s", "-sabotage", otherLibrary)
		if code != 1 || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "1 connections of sabotage were made through the Go client") {
			t.Errorf("exit code %d, %q", code, r.Problems)
		}
	}
}
