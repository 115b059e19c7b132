package resource

import (
	"context"
	"time"
)

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
