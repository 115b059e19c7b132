package resource_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/resource"
)

func TestAddressIsHeldOrNot(t *testing.T) {
	here := &resource.Address{IP: netip.MustParseAddr("127.0.0.1"), Poll: -1}
	for name, check := range map[string]func(context.Context) error{"Online": here.Online, "LooksAlive": here.LooksAlive, "IsAlive": here.IsAlive} {
		if err := check(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	away := &resource.Address{IP: netip.MustParseAddr("203.0.113.7"), Poll: -1} // for documentation, RFC 5737
	for name, check := range map[string]func(context.Context) error{"Online": away.Online, "LooksAlive": away.LooksAlive, "IsAlive": away.IsAlive} {
		if err := check(t.Context()); !errors.Is(err, resource.ErrNotHeld) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (&resource.Address{Poll: -1}).Online(t.Context()); err == nil {
		t.Error("no address is held")
	}
	mapped := &resource.Address{IP: netip.MustParseAddr("::ffff:127.0.0.1")}
	if err := mapped.IsAlive(t.Context()); err != nil {
		t.Errorf("IPv4 in IPv6: %v", err)
	}
}

func TestAddressWaitsToBeGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		a := &resource.Address{IP: netip.MustParseAddr("203.0.113.7")}
		if err := a.Online(ctx); !errors.Is(err, resource.ErrNotHeld) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Online: %v", err)
		}
	})
}
