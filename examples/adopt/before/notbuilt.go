//go:build !ibmmq || !cgo

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "before: build it with CGO_ENABLED=1, the IBM MQ client and -tags ibmmq")
	os.Exit(1)
}
