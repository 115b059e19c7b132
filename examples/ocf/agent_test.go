//go:build !lab

package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The test binary is the resource agent when it is called so.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == metadata.Name {
		main()
	}
	os.Exit(m.Run())
}
