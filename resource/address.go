package resource

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Address is a floating IP address, moved between nodes by somebody else: online while this host
// holds it. That another host holds it too, as after a partition without fencing, cannot be seen from
// here.
type Address struct {
	IP netip.Addr
	// Poll is the time between two looks while Online waits; default 1 s, negative: Online looks once
	// and does not wait.
	Poll time.Duration
}

// ErrNotHeld is the failure of an Address that no interface of this host has.
var ErrNotHeld = errors.New("no interface of this host has the address")

// Online waits until this host holds the address and can use it.
func (a *Address) Online(ctx context.Context) error { return await(ctx, a.Poll, a.IsAlive) }

// LooksAlive looks whether an interface that is up has the address.
func (a *Address) LooksAlive(context.Context) error {
	_, err := a.holder()
	return err
}

// IsAlive also looks whether that interface has a link, and whether a socket can be bound to the
// address: an IPv6 address that is still being checked for duplicates is listed but cannot be used.
// (The other way round is no proof: with net.ipv4.ip_nonlocal_bind every address can be bound.)
func (a *Address) IsAlive(ctx context.Context) error {
	i, err := a.holder()
	if err != nil {
		return err
	}
	if i.Flags&net.FlagRunning == 0 {
		return fmt.Errorf("%v: interface %s has no link", a.IP, i.Name)
	}
	zone := ""
	if a.IP.IsLinkLocalUnicast() && a.IP.Is6() {
		zone = i.Name
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", netip.AddrPortFrom(a.IP.Unmap().WithZone(zone), 0).String())
	if err != nil {
		return err
	}
	return l.Close()
}

// Offline has nothing to do: whoever gave this host the address takes it away.
func (a *Address) Offline(context.Context) error { return nil }

// Terminate has nothing to do.
func (a *Address) Terminate() {}

// holder finds the interface that has the address and is up.
func (a *Address) holder() (*net.Interface, error) {
	if !a.IP.IsValid() {
		return nil, errors.New("Address.IP is not set")
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var down error
	for k := range all {
		i := &all[k]
		addrs, err := i.Addrs()
		if err != nil {
			continue // it went away since it was listed
		}
		for _, x := range addrs {
			prefix, err := netip.ParsePrefix(x.String())
			if err != nil || prefix.Addr().WithZone("") != a.IP.Unmap().WithZone("") {
				continue
			}
			if i.Flags&net.FlagUp != 0 {
				return i, nil
			}
			down = fmt.Errorf("%v: interface %s is down", a.IP, i.Name)
		}
	}
	if down != nil {
		return nil, down
	}
	return nil, fmt.Errorf("%v: %w", a.IP, ErrNotHeld)
}
