package loopback_test

import (
	"net"
	"runtime"
	"strconv"
	"testing"

	"github.com/mqha/mqha/internal/loopback"
)

// The port of a server that was killed was taken by somebody else who asked for any, or by a connection of a client, and
// the server that was to come back at its address could not.
func TestPortIsFreeForWhoComesBack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is one loopback address here, or how others behave was not tried")
	}
	first, err := net.Listen("tcp", loopback.Any())
	if err != nil {
		t.Fatal(err)
	}
	address := first.Addr().(*net.TCPAddr)
	client, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	if from := client.LocalAddr().(*net.TCPAddr); !from.IP.Equal(net.IPv4(127, 0, 0, 1)) {
		t.Errorf("a client comes from %v, and takes ports of %v", from, address)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(address.Port)))
	if err != nil {
		t.Skipf("somebody has taken the port already: %v", err)
	}
	defer other.Close()
	again, err := net.Listen("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
