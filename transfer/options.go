package transfer

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Options configure an Engine. Zero values are the defaults; Open refuses what is out of bounds with ErrOptions.
type Options struct {
	// Name is this agent's name: 1 to 28 of A-Z 0-9 . _ without a leading dot. Package ha fills
	// it in.
	Name string
	// ReadRoots are the directories, by absolute paths, below which files may be sent. None: nothing is sent, and
	// Submit refuses. One that is away, such as a disk that is not mounted yet after a takeover, is
	// waited for by the transfers that need it (EventStalled), and looked at every five RetryInterval.
	// It is known by its inode number, so one that was removed and made anew counts as away for the transfers
	// that were submitted before: cancel them.
	ReadRoots []string
	// WriteRoot is the directory, by its absolute path, below which files are delivered. It must exist. Empty:
	// every transfer from another agent is refused.
	WriteRoot string
	// FrameBytes is how much of a file one message carries. Default 256 KiB, from 4 KiB to 64 MiB;
	// limited by what the Link takes.
	FrameBytes int
	// CreditBytes and CreditFrames are in flight for one transfer at the most. Defaults 8 MiB, or CheckpointBytes
	// if that is less, and 32: that fills a link whose round trip, queue managers included, takes 20 ms at 400 MB/s.
	// Raise both for longer ones, at both agents, since a receiver grants no more than its own; what is in flight also
	// lies in memory. At least FrameBytes, and 32, because frames are acknowledged 16 at a time. Many transfers to one
	// agent share 32 MiB and 128 frames a sender and 64 MiB in all, or four and eight times the option where that is more.
	CreditBytes  int64
	CreditFrames int
	// CheckpointBytes of what was received are not durable at the most: at half of it, and after CheckpointInterval,
	// what is there is made durable and acknowledged, while more arrives. Defaults 8 MiB and 200 ms. When a receiver
	// loses power, CheckpointBytes and what was in flight are sent again: 16 MiB for each transfer at the defaults. At least
	// FrameBytes, and 1 ms.
	CheckpointBytes    int64
	CheckpointInterval time.Duration
	// Digest proves each whole file that this agent sends. Default SHA256; what it receives is proven
	// as the sender says. It holds for transfers submitted from now on.
	Digest Digest
	// RetryInterval is how long an answer of the other agent may take before the question is
	// repeated; the wait doubles up to ten times this. Default 1 s, at least 1 ms.
	RetryInterval time.Duration
	// RecoveryTimeout cancels a transfer that this agent sends when no data of it has flowed for so long:
	// its receiver or the link is away. Waiting for its turn behind others does not count; the time
	// begins anew with each Engine. At least ten times RetryInterval. Default, and negative: never (IBM MQ MFT:
	// transferRecoveryTimeout, -1).
	RecoveryTimeout time.Duration
	// KeepEnded is how many transfers that this agent sent are remembered after their end, in memory and in the journal:
	// Status describes them, and a Submit of the same ID sends nothing. The one that ended first goes first; of it Status
	// and Wait say ErrUnknown, and a Submit of its ID sends it again. So it should cover what is sent while a caller
	// without an answer may still try again. Each costs some 1.5 KiB of memory and 15 µs of each takeover, more where it lists
	// failures. Default 10,000; negative: all are kept, for ever.
	KeepEnded int
	// FirstFormat is the format of the journal in a state directory that has none yet: a lower one lets instances of an
	// earlier release take over, until Finalise. From 1 to NewestFormat, the default. Package ha asks those that stand by.
	FirstFormat int
	// OnEvent is called for each Event, in order, from one goroutine. It may call the Engine's
	// methods but Close. While it does not return, up to 4,096 events wait; what comes then is
	// missing, and an EventMissed in its place says how many.
	OnEvent func(Event)
}

// maxSources is how many transfers to one agent run at the same time; the others wait their turn
// (IBM MQ MFT: maxSourceTransfers, default 25).
const maxSources = 25

func (o Options) withDefaults() Options {
	setDefault(&o.FrameBytes, 256<<10)
	setDefault(&o.CheckpointBytes, 8<<20)
	setDefault(&o.CreditBytes, max(int64(o.FrameBytes), min(8<<20, o.CheckpointBytes)))
	setDefault(&o.CreditFrames, 32)
	setDefault(&o.CheckpointInterval, 200*time.Millisecond)
	setDefault(&o.RetryInterval, time.Second)
	setDefault(&o.Digest, SHA256)
	setDefault(&o.KeepEnded, 10_000)
	setDefault(&o.FirstFormat, NewestFormat)
	return o
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Validate reports everything that is wrong with o, defaults filled in. The error is ErrOptions.
func (o Options) Validate() error {
	o = o.withDefaults()
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !validName(o.Name) {
		fail("Options.Name %q: an agent name is 1 to 28 of A-Z 0-9 . _ and does not begin with a dot", o.Name)
	}
	for _, r := range o.ReadRoots {
		if !filepath.IsAbs(r) {
			fail("Options.ReadRoots: %q is not an absolute path", r)
		}
	}
	if o.WriteRoot != "" && !filepath.IsAbs(o.WriteRoot) {
		fail("Options.WriteRoot: %q is not an absolute path", o.WriteRoot)
	}
	if o.FrameBytes < 4<<10 || o.FrameBytes > 64<<20 {
		fail("Options.FrameBytes %d: between 4 KiB and 64 MiB", o.FrameBytes)
	}
	if !o.Digest.known() {
		fail("Options.Digest %q: %q or %q", o.Digest, SHA256, CRC32C)
	}
	if o.FirstFormat < firstFormat || o.FirstFormat > NewestFormat {
		fail("Options.FirstFormat %d: between %d and %d", o.FirstFormat, firstFormat, NewestFormat)
	}
	if o.CreditBytes < int64(o.FrameBytes) {
		fail("Options.CreditBytes %d is less than one frame (FrameBytes %d)", o.CreditBytes, o.FrameBytes)
	}
	if o.CreditFrames < 32 {
		fail("Options.CreditFrames %d: at least 32, because frames are acknowledged 16 at a time", o.CreditFrames)
	}
	if o.CheckpointBytes < int64(o.FrameBytes) || o.CheckpointInterval < time.Millisecond || o.RetryInterval < time.Millisecond {
		fail("Options.CheckpointBytes is less than one frame, or CheckpointInterval or RetryInterval less than 1 ms")
	}
	if o.RecoveryTimeout > 0 && o.RecoveryTimeout < 10*o.RetryInterval {
		fail("Options.RecoveryTimeout %v: at least ten times RetryInterval (%v), so that an answer may take its time", o.RecoveryTimeout, o.RetryInterval)
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrOptions, errors.Join(errs...))
}

// validName says whether s is an agent name. 28 characters leave room for MQHA.<name>.IN in the 48
// that a queue name has.
func validName(s string) bool {
	if s == "" || len(s) > 28 || s[0] == '.' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' {
			return false
		}
	}
	return true
}
