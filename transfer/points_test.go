package transfer

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mqha/mqha/internal/core/stream"
)

// TestStatesOfFilesThatAreDurableAreForgotten: they were kept, 150 bytes a frame, until a checkpoint fell into the middle of a
// file. Where files arrive one by one, none does.
func TestStatesOfFilesThatAreDurableAreForgotten(t *testing.T) {
	synctest.Test(t, statesOfFiles)
}

func statesOfFiles(t *testing.T) {
	const files = 20
	l, e := newLiar(t, Options{WriteRoot: t.TempDir()})
	var names []string
	for i := range files {
		names = append(names, fmt.Sprintf(`{"name":"f%d","size":8,"mode":384}`, i))
	}
	if ok, reason := l.manifest([]byte(`{"files":[`+strings.Join(names, ",")+`]}`), files, 8*files); !ok {
		t.Fatal(reason)
	}
	for i := range uint32(files - 1) {
		at := stream.Pos{File: i + 1}
		l.send(header{Kind: kindData, Nonce: 1, Pos: at}, []byte("half"))
		l.send(header{Kind: kindData, Nonce: 1, Pos: at.Advance(4), Flags: flagFin, Digest: digestOf([]byte("halfhalf"))}, []byte("half"))
		for h := (header{}); h.Durable != at.Next(); {
			h, _ = l.expect(kindAck)
		}
	}
	var kept int
	_ = e.call(t.Context(), func() { kept = len(e.in[l.head.Transfer].points.points) })
	if kept > 1 {
		t.Errorf("%d states are kept of %d files that are delivered", kept, files-1)
	}
}
