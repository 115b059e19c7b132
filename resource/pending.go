package resource

import "context"

// Progress says, from within Online or Offline, what the resource is busy with: "replaying the
// journal, 3 of 7". The limit of the call, Policy.PendingTimeout, begins anew, as with MSCS's
// SetResourceStatus: a resource that goes on saying so stays pending for ever, so it is to be called
// when something was done and not by a timer. It is shown in Snapshot and told to OnEvent as long as
// the resource is pending; of several in quick succession the last. With a context that is not of
// such a call it does nothing.
func Progress(ctx context.Context, what string) {
	if tell, ok := ctx.Value(progressKey{}).(func(string)); ok {
		tell(what)
	}
}

type progressKey struct{}

// withProgress makes the context of a call that may be long.
func withProgress(ctx context.Context, tell func(string)) context.Context {
	return context.WithValue(ctx, progressKey{}, tell)
}
