package resource

import (
	"context"
	"time"
)

// Resource is something that can be online, with the entry points of an MSCS resource DLL.
//
// A Group calls Online only while no other call to this resource runs. LooksAlive and IsAlive never
// run at the same time as each other, but Offline and Terminate may be called while one of them
// runs, and Terminate while Online or Offline runs (in MSCS, too: "IsAlive can be called at the
// same time as Terminate"). The context of a call ends when its limit, Policy.PendingTimeout, has
// passed or when its result no longer matters. A call that then does not return delays its own
// resource and those that wait for it, nobody else. A panic is a crash of the process.
type Resource interface {
	// Online starts the resource and returns when it can be used. After an error Terminate is
	// called, as nobody knows what was left behind.
	Online(context.Context) error
	// Offline stops the resource in good order and returns when it is stopped, also when it was
	// stopped before. After an error Terminate is called.
	Offline(context.Context) error
	// LooksAlive is a cheap guess. An error leads to IsAlive, to nothing else.
	LooksAlive(context.Context) error
	// IsAlive is the complete check. An error is a failure of the resource.
	IsAlive(context.Context) error
	// Terminate stops the resource at once and by force, ends calls that are running, and
	// returns when nothing is left. It may be called when nothing is online.
	Terminate()
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
func (f Funcs) Online(ctx context.Context) error { return call(ctx, f.OnOnline) }

// Offline calls OnOffline.
func (f Funcs) Offline(ctx context.Context) error { return call(ctx, f.OnOffline) }

// LooksAlive calls OnLooksAlive.
func (f Funcs) LooksAlive(ctx context.Context) error { return call(ctx, f.OnLooksAlive) }

// IsAlive calls OnIsAlive, or OnLooksAlive when there is none.
func (f Funcs) IsAlive(ctx context.Context) error {
	if f.OnIsAlive == nil {
		return call(ctx, f.OnLooksAlive)
	}
	return f.OnIsAlive(ctx)
}

// Terminate calls OnTerminate.
func (f Funcs) Terminate() {
	if f.OnTerminate != nil {
		f.OnTerminate()
	}
}

func call(ctx context.Context, f func(context.Context) error) error {
	if f == nil {
		return nil
	}
	return f(ctx)
}

// Program is a service in the foreground, for a host that knows what the operating system's
// service manager wants to hear.
type Program struct {
	Name string
	// Run works until ctx ends or the work is done, and returns when everything has stopped.
	Run func(ctx context.Context, n Notifier) error
}

// Notifier is how a Program tells its host how it is. Its methods return at once and may be called
// from any goroutine.
type Notifier interface {
	// Ready says that the program does what it is for. A start that waits returns now.
	Ready()
	// Progress says that something long is going on, in starting or stopping, and that the next
	// sign comes within next: a service manager then does not take the silence for death.
	Progress(what string, next time.Duration)
	// Healthy sets how the host asks whether the program is alive.
	Healthy(check func(context.Context) error)
}
