package ocf_test

import (
	"context"
	"errors"
	"os"

	"github.com/mqha/mqha/resource"
	"github.com/mqha/mqha/resource/ocf"
)

// The main function of a resource agent whose service is a group of resources.
func Example() {
	ocf.Main(ocf.Metadata{
		Name: "watcher", Short: "Watches a shared disk", Long: "Is online while the disk is.",
		Parameters: []ocf.Parameter{{Name: "dir", Required: true, Unique: true, Short: "directory", Long: "Directory on the shared disk"}},
	}, func(v ocf.Values) (resource.Program, error) {
		if _, err := os.Stat("/usr/sbin/e2fsck"); errors.Is(err, os.ErrNotExist) {
			return resource.Program{}, ocf.Errorf(ocf.Installed, "e2fsck is missing")
		}
		g, err := resource.NewGroup(resource.Options{}, resource.Spec{Name: "disk", Resource: &resource.Path{Dir: v.Text("dir")}})
		return resource.Program{Name: "watcher", Run: func(ctx context.Context, n resource.Notifier) error {
			n.Healthy(func(context.Context) error { return g.Snapshot()[0].Err })
			return g.Run(ctx, n.Ready)
		}}, err
	})
}
