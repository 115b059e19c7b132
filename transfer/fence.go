package transfer

// Fence is the right to write, such as a *lockfile.Lease: the engine asks Err before each system
// call that changes something, and never writes again once it is not nil. Epoch must not change.
type Fence interface {
	Epoch() uint64
	Err() error
}
