package mqtest_test

import (
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// Every kind of the table that is for Inject is the kind of some Fault, and no Fault is of a kind beside the table.
func TestKindsOfFaultsAreThoseOfTheTable(t *testing.T) {
	missing := make(map[mqtest.FaultKind]bool)
	for _, row := range mqtest.FaultKinds() {
		if row.Injected {
			missing[row.Kind] = true
		}
	}
	for _, f := range []mqtest.Fault{
		{Reason: mqrc.QFull},
		{Break: mqtest.BeforeWork},
		{Break: mqtest.AfterWork},
		{Break: mqtest.BeforeWork, Verb: mqconn.VerbCommit},
		{Break: mqtest.AfterWork, Verb: mqconn.VerbCommit},
		{Delay: time.Second},
		{Lose: true},
		{Repeat: true},
	} {
		if !missing[f.Kind()] {
			t.Errorf("%+v is of kind %q, which is not in the table or was there before", f, f.Kind())
		}
		delete(missing, f.Kind())
	}
	for kind := range missing {
		t.Errorf("no Fault is of kind %q", kind)
	}
	if kind := (mqtest.Fault{}).Kind(); kind != "" {
		t.Errorf("no fault is of kind %q", kind)
	}
}
