package ocf

import (
	"errors"
	"io"
	"os"
	"strings"
	"time"
)

// outLimit bounds out, and out.1, which keeps what out had before.
const outLimit = 1 << 20

// outLook is how often the daemon looks how long out has become. A program that runs wild writes some
// 10 MiB meanwhile.
const outLook = 100 * time.Millisecond

// openOut opens the daemon's standard output. O_APPEND: after it was emptied everybody goes on at its
// beginning.
func (m meeting) openOut() (*os.File, error) {
	return os.OpenFile(m.out(), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
}

// shift moves the end of out to out.1. It copies and empties: out itself has to stay, as the daemon, the C
// libraries in it and the processes that it has started write to descriptors that nobody can exchange for
// them. What they write between the last read and the truncation is lost. On a full disk the bound counts for
// more than what was written.
func (m meeting) shift(out *os.File) {
	info, err := out.Stat()
	if err != nil || info.Size() == 0 {
		return
	}
	const spare = outLimit / 16 // for what is written meanwhile
	end := io.NewSectionReader(out, max(0, info.Size()-outLimit+spare), outLimit)
	if older, err := os.OpenFile(m.older(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err == nil {
		_, err = io.Copy(older, end)
		if errors.Join(err, older.Close()) != nil {
			_ = os.Remove(older.Name())
		}
	}
	_ = out.Truncate(0)
}

// watchOut keeps out within its bound until over is closed.
func (m meeting) watchOut(out *os.File, over <-chan struct{}) {
	tick := time.NewTicker(outLook)
	defer tick.Stop()
	for last := false; !last; {
		select {
		case <-tick.C:
		case <-over:
			last = true
		}
		// Through the descriptor: somebody may have removed the name.
		if info, err := out.Stat(); err == nil && info.Size() > outLimit {
			m.shift(out)
		}
	}
}

// lastWords is the end of what the daemon wrote.
func (m meeting) lastWords() string {
	out, err := os.Open(m.out())
	if err != nil {
		return ""
	}
	defer out.Close()
	const enough = 2 << 10
	info, err := out.Stat()
	if err != nil {
		return ""
	}
	text, _ := io.ReadAll(io.NewSectionReader(out, max(0, info.Size()-enough), enough)) // what can be read
	if len(text) == 0 {
		return ""
	}
	return ": " + strings.TrimSpace(string(text))
}
