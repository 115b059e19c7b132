// Package loopback gives the servers of tests an address of their own.
//
// A server that is killed and started again at the same port of 127.0.0.1 finds it taken once in some 28,000 times: every
// connection that is made on the machine takes a port for its own end, one that tries to reach the dead server even
// its very port, and every other server of a test asks for any free one. Where all of 127.0.0.0/8 is the loopback
// network, a server at another address than 127.0.0.1 shares its ports with nobody, because connections to it come from
// 127.0.0.1 all the same.
package loopback

import (
	"fmt"
	"math/rand/v2"
	"runtime"
)

// Any is an address to listen on, with port 0: one of 16 million on Linux, and 127.0.0.1 elsewhere, where this was not
// tried or no other is there to begin with.
func Any() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1:0"
	}
	return fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
}
