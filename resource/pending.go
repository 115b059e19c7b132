package resource

import "context"

// Progress says, from within Online or Offline, what the resource is busy with: "replaying the
// journal, 3 of 7". It is shown in Snapshot and told to OnEvent as long as the resource is pending;
// of several in quick succession the last. It moves no limit: a call has Policy.PendingTimeout, however
// busy it is. With a context that is not of such a call it does nothing.
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
