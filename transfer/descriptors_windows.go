package transfer

// descriptors is how many handles a process may have.
func descriptors() uint64 { return 1 << 24 }
