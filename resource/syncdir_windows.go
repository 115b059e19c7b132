package resource

// syncDir: Windows flushes no directories. NTFS writes the rename to its own log; after a power failure
// the last wish may be missing, but never half there.
func syncDir(string) error { return nil }
