// Command flock takes and releases a lock with github.com/gofrs/flock, so that a benchmark of package lockfile
// can compare itself with it. It is a module of its own: nobody who imports lockfile inherits that dependency.
//
// The argument is the path of the lock. Each line of its input is a number of rounds; it answers with the
// nanoseconds that they took.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"
)

func main() {
	for {
		var rounds int
		if _, err := fmt.Scanln(&rounds); err != nil {
			return
		}
		began := time.Now()
		for range rounds {
			l := flock.New(os.Args[1])
			if got, err := l.TryLock(); err != nil || !got {
				fmt.Fprintln(os.Stderr, got, err)
				os.Exit(1)
			}
			if err := l.Unlock(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		fmt.Println(time.Since(began).Nanoseconds())
	}
}
