package lease

import "time"

// Instant is one moment on three clocks, each with an origin of its own. Only differences mean
// anything.
type Instant struct {
	Mono time.Duration // stands still while the machine is suspended
	Boot time.Duration // goes on in suspend, where the operating system has such a clock
	Wall time.Duration // may be set; after a paused virtual machine goes on it is often the only one that knows
}

// Since is the longest time that any of the clocks saw between then and t. A wall clock that is set
// forward therefore ages a lease, which is safe; one that is set back changes nothing.
func (t Instant) Since(then Instant) time.Duration {
	return max(t.Mono-then.Mono, t.Boot-then.Boot, t.Wall-then.Wall)
}
