package transfer_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mqha/mqha/transfer"
)

// A program keeps the ID of a transfer as text before it submits it, and reads it again when it did not hear the answer.
func TestIDThatWasKeptAsTextIsTheSame(t *testing.T) {
	id := transfer.NewID()
	if again, err := transfer.ParseID(id.String()); err != nil || again != id {
		t.Errorf("%v became %v: %v", id, again, err)
	}
	text, err := json.Marshal(transfer.Status{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	var status transfer.Status
	if err := json.Unmarshal(text, &status); err != nil || status.ID != id {
		t.Errorf("%v became %v: %v", id, status.ID, err)
	}
	whole := id.String()
	for _, s := range []string{"", whole[1:], whole + "0", whole[:31] + "g", strings.Repeat(" ", 32), "{" + whole + "}"} {
		if id, err := transfer.ParseID(s); err == nil || id != (transfer.ID{}) {
			t.Errorf("%q was taken for %v", s, id)
		}
	}
}
