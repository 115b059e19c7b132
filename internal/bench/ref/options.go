package ref

// Options configure a copy. Zero values are the defaults.
type Options struct {
	// SHA256 has both sides compute a digest of the whole file, beside the CRC32C of each frame, and
	// compares them in the end. Default: the CRC32C of the frames alone.
	SHA256 bool
	// Tree has both sides compute the SHA-256 of each frame in place of its CRC32C, and of these the
	// digest of the file: each byte is read by one checksum.
	Tree bool
	// FrameBytes is how much is read at a time. Default 256 KiB.
	FrameBytes int
	// CheckpointBytes is how much is written between two checkpoints. Default 16 MiB; negative: there
	// are none but the one at the end.
	CheckpointBytes int64
	// WriteBack has the disk begin with every 2 MiB at once, where the system can.
	WriteBack bool
}

// buffers is how many frames live at a time: more would only leave the processor's cache.
const buffers = 16

func (o Options) withDefaults() Options {
	if o.FrameBytes == 0 {
		o.FrameBytes = 256 << 10
	}
	if o.CheckpointBytes == 0 {
		o.CheckpointBytes = 16 << 20
	}
	return o
}
