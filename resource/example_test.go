package resource_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"time"

	"github.com/mqha/mqha/resource"
)

// An address that two resources need, brought online by functions.
func Example() {
	print := func(what string) func(context.Context) error {
		return func(context.Context) error { fmt.Println(what); return nil }
	}
	g, err := resource.NewGroup(resource.Options{},
		resource.Spec{Name: "app", After: [][]string{{"disk"}, {"address"}},
			Resource: resource.Funcs{OnOnline: print("app starts"), OnOffline: print("app stops")}},
		resource.Spec{Name: "address", After: [][]string{{"disk"}},
			Resource: resource.Funcs{OnOnline: print("address added"), OnOffline: print("address removed")}},
		resource.Spec{Name: "disk", Resource: resource.Funcs{OnOnline: print("disk mounted"), OnOffline: print("disk unmounted")}},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	err = g.Run(ctx, func() {
		fmt.Println("everything is online")
		stop()
	})
	fmt.Println("Run:", err)
	// Output:
	// disk mounted
	// address added
	// app starts
	// everything is online
	// app stops
	// address removed
	// disk unmounted
	// Run: <nil>
}

// A resource that fails again and again moves the group to another node.
func ExampleFailoverError() {
	g, err := resource.NewGroup(resource.Options{}, resource.Spec{
		Name: "app",
		Resource: resource.Funcs{OnOnline: func(context.Context) error {
			return errors.New("cannot open the log")
		}},
		Policy: resource.Policy{RestartThreshold: 1},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = g.Run(context.Background(), nil)
	fmt.Println(errors.Is(err, resource.ErrFailover))
	fmt.Println(err)
	// Output:
	// true
	// resource app: failed 2 times within 15m0s: cannot open the log: move the group to another node, retry here after 1h0m0s
}

// The scenario of a cluster's generic application: a program whose data is on the shared disk.
func ExampleCommand() {
	g, err := resource.NewGroup(
		resource.Options{OnEvent: func(e resource.Event) { fmt.Println(e.Resource, e.To, e.Err) }},
		resource.Spec{Name: "disk", Resource: &resource.Path{Dir: "/shared/app", Device: "/dev/vg-shared/app"}},
		resource.Spec{Name: "address", Resource: &resource.Address{IP: netip.MustParseAddr("192.0.2.71")}},
		resource.Spec{Name: "queue manager", Resource: &resource.TCP{Address: "mq.example.com:1414"}},
		resource.Spec{Name: "app", After: [][]string{{"disk"}, {"address"}, {"queue manager"}}, Resource: &resource.Command{
			New:    func() *exec.Cmd { return exec.Command("/opt/app/bin/app", "--foreground") },
			OnLine: func(line string) { fmt.Println("app:", line) },
			Grace:  30 * time.Second,
		}},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	program := resource.Program{Name: "app", Run: func(ctx context.Context, n resource.Notifier) error {
		return g.Run(ctx, n.Ready)
	}}
	host(program)
}

// foreground is the simplest Notifier: it tells a person.
type foreground struct{}

func (foreground) Ready()                                    { fmt.Println("ready") }
func (foreground) Progress(what string, next time.Duration)  { fmt.Println(what, "for at most", next) }
func (foreground) Healthy(check func(context.Context) error) {}

// host runs a Program in the foreground.
func host(p resource.Program) {
	if err := p.Run(context.Background(), foreground{}); err != nil {
		fmt.Fprintln(os.Stderr, p.Name+":", err)
	}
}
