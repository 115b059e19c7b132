//go:build !windows

package winsvc

import (
	"context"
	"errors"
	"fmt"

	"github.com/mqha/mqha/resource"
)

var errNotWindows = fmt.Errorf("winsvc: %w", errors.ErrUnsupported)

// IsService is false on this system.
func IsService() (bool, error) { return false, nil }

// Run returns errors.ErrUnsupported on this system.
func Run(string, resource.Program, Options) error { return errNotWindows }

// Install returns errors.ErrUnsupported on this system.
func Install(Config) error { return errNotWindows }

// Remove returns errors.ErrUnsupported on this system.
func Remove(context.Context, string) error { return errNotWindows }
