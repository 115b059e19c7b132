//go:build ibmmq && cgo

package ibmmq

import (
	"net"
	"strings"
	"testing"
)

func TestProbeAsksEachHostOfTheEndpoint(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := gone.Addr().String()
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	inMQ := func(address string) string { return strings.Replace(address, ":", "(", 1) + ")" }
	for endpoint, answers := range map[string]bool{
		l.Addr().String():       true,
		inMQ(l.Addr().String()): true,
		nobody:                  false,
		inMQ(nobody) + ", " + inMQ(l.Addr().String()): true,
		inMQ(nobody) + "," + inMQ(nobody):             false,
		"":                                            true, // the MQ client finds the channel itself: nothing can be asked
	} {
		if err := Probe(t.Context(), Options{}, endpoint); (err == nil) != answers {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
	if err := Probe(t.Context(), Options{Bindings: true}, nobody); err != nil {
		t.Errorf("in bindings: %v", err)
	}
}
