package resource

import "context"

// Resource is something that can be online, with the entry points of an MSCS resource DLL. The package
// comment tells call by call what a Group does and what it expects.
type Resource interface {
	// Online starts the resource and returns when it can be used. After an error Terminate is
	// called, as nobody knows what was left behind.
	Online(context.Context) error
	// Offline stops the resource in good order and returns when it is stopped, also when it was
	// stopped before. After an error Terminate is called.
	Offline(context.Context) error
	// LooksAlive is a cheap guess. An error leads to IsAlive, and one that matches ErrElsewhere to
	// nothing; but one that does not return within Policy.PendingTimeout is a failure at once.
	LooksAlive(context.Context) error
	// IsAlive is the complete check. An error is a failure of the resource, unless it matches
	// ErrElsewhere.
	IsAlive(context.Context) error
	// Terminate stops the resource at once and by force, ends calls that are running, and
	// returns when nothing is left. It may be called when nothing is online.
	Terminate()
}

// Alarm is what a Resource may have besides, when it can tell by itself that it has failed, like the
// event handle that an MSCS resource returns from Online.
type Alarm interface {
	// Failed is called once after each Online that succeeded. A value on the channel leads to
	// IsAlive at once, which decides; as long as the channel is open LooksAlive is not called. When
	// it is closed, IsAlive is called and LooksAlive from then on. Nil: no alarm this time. The Group
	// stops to listen when the resource is stopped; a send must not wait for it for ever.
	Failed() <-chan error
}

// Spec is one member of a Group.
type Spec struct {
	Name     string // not empty, unique in the group
	Resource Resource
	// After names what has to be online before: an AND of OR groups, the form of MSCS's
	// dependency expressions. {{"disk"}, {"ip4", "ip6"}} is disk and (ip4 or ip6). An OR group is
	// satisfied as soon as one of its names is online, and as long as one is.
	After  [][]string
	Policy Policy
}

// Funcs makes a Resource of functions. A nil function succeeds; a nil OnIsAlive calls OnLooksAlive.
// A Resource made of it keeps the contract of Resource only as far as the functions do.
type Funcs struct {
	OnOnline, OnOffline, OnLooksAlive, OnIsAlive func(context.Context) error
	OnTerminate                                  func()
}

// Online calls OnOnline.
func (f Funcs) Online(ctx context.Context) error { return callIf(ctx, f.OnOnline) }

// Offline calls OnOffline.
func (f Funcs) Offline(ctx context.Context) error { return callIf(ctx, f.OnOffline) }

// LooksAlive calls OnLooksAlive.
func (f Funcs) LooksAlive(ctx context.Context) error { return callIf(ctx, f.OnLooksAlive) }

// IsAlive calls OnIsAlive, or OnLooksAlive when there is none.
func (f Funcs) IsAlive(ctx context.Context) error {
	if f.OnIsAlive == nil {
		return callIf(ctx, f.OnLooksAlive)
	}
	return f.OnIsAlive(ctx)
}

// Terminate calls OnTerminate.
func (f Funcs) Terminate() {
	if f.OnTerminate != nil {
		f.OnTerminate()
	}
}

func callIf(ctx context.Context, f func(context.Context) error) error {
	if f == nil {
		return nil
	}
	return f(ctx)
}
