package sdnotify_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/mqha/mqha/resource"
	"github.com/mqha/mqha/resource/sdnotify"
)

// The main function of a service of Type=notify.
func Example() {
	g, err := resource.NewGroup(resource.Options{},
		resource.Spec{Name: "disk", Resource: &resource.Path{Dir: "/shared", Device: "server:/export"}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(78)
	}
	p := resource.Program{Name: "disk watcher", Run: func(ctx context.Context, n resource.Notifier) error {
		return g.Run(ctx, n.Ready)
	}}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := sdnotify.Run(ctx, p, sdnotify.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
