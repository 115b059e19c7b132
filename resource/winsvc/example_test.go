package winsvc_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/mqha/mqha/resource"
	"github.com/mqha/mqha/resource/winsvc"
)

// A program that installs itself, removes itself, and is the service.
func Example() {
	const name = "mqha-PAYMENTS"
	var err error
	is, err := winsvc.IsService()
	switch {
	case err != nil:
	case is:
		p := resource.Program{Name: "agent PAYMENTS", Run: func(ctx context.Context, n resource.Notifier) error {
			n.Ready()
			<-ctx.Done()
			return nil
		}}
		err = winsvc.Run(name, p, winsvc.Options{ReadyAtStart: true})
	case len(os.Args) == 2 && os.Args[1] == "install":
		err = winsvc.Install(winsvc.Config{
			Name: name, Description: "File-transfer agent on IBM MQ",
			Account: `BANK\mqha$`, // a group-managed account: no password
			Args:    []string{"-name", "PAYMENTS", "-state", `S:\payments`},
		})
	case len(os.Args) == 2 && os.Args[1] == "remove":
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		err = winsvc.Remove(ctx, name)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
