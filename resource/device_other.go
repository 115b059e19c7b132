//go:build !linux && !darwin && !windows

package resource

import (
	"errors"
	"fmt"
)

func onDevice(dir, _ string) error {
	return fmt.Errorf("%s: Path.Device on this system: %w", dir, errors.ErrUnsupported)
}
