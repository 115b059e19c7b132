//go:build !linux

package ocf

import (
	"runtime"

	"github.com/mqha/mqha/resource"
)

func (a *action) perform(meeting, resource.Program) error {
	return Errorf(Installed, "OCF resource agents run on Linux, this is %s", runtime.GOOS)
}
