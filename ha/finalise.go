package ha

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/transfer"
)

// formats adds to an answer in which format the journals are written.
func (r *responder) formats(a reply) reply {
	if r.engine != nil {
		a.Format, a.Newest = r.engine.Format(), transfer.NewestFormat
	}
	return a
}

// finalise has the journals written in the newest format, unless a standby is there that could not read them. Where
// they are already, it makes no difference who stands by.
func (r *responder) finalise(ctx context.Context, a reply) (reply, error) {
	if r.engine == nil {
		return a.refuse(RefusedTransfer, "agent %s has no transfers, and so no journals", r.agent), nil
	}
	if r.engine.Format() < transfer.NewestFormat {
		standbys, err := lockfile.Standbys(r.lockFile)
		if err != nil {
			return a.refuse(RefusedBusy, "it cannot be seen who stands by: %v", err), nil
		}
		if behind := behind(standbys); behind != "" {
			return a.refuse(RefusedStandby, "could not take over from journals of format %d any more: %s; stop or upgrade them first", transfer.NewestFormat, behind), nil
		}
	}
	err := r.engine.Finalise(ctx)
	if err != nil && !goesDown(ctx, err) { // this command is asked again, and not kept
		return a.refuse(RefusedBusy, "%v", err), nil
	}
	return r.formats(a), err
}

// behind names the standbys that do not know the newest format. One that does not say what it knows is of an earlier release.
func behind(standbys []lockfile.Standby) string {
	var names []string
	for _, s := range standbys {
		if s.Format < transfer.NewestFormat {
			names = append(names, fmt.Sprintf("instance %s on host %s (process %d, formats up to %d)", s.Instance, s.Host, s.PID, max(s.Format, 1)))
		}
	}
	return strings.Join(names, ", ")
}

// firstFormat is that of a new journal, which all who stand by have to be able to read; 0: the newest.
func (r *run) firstFormat() int {
	c := &r.a.config
	if begun, err := transfer.HighestEpoch(c.journalDir()); err != nil || begun > 0 {
		return 0 // goes on in its own, or cannot be opened
	}
	standbys, err := lockfile.Standbys(c.LockFile)
	if err != nil {
		r.a.say(CodeLock, "it cannot be seen who stands by, the journal begins in the newest format: "+err.Error(), nil)
	}
	first := transfer.NewestFormat
	for _, s := range standbys {
		first = min(first, max(s.Format, 1))
	}
	return first
}

// goesDown says that err is one of an agent that is on its way down.
func goesDown(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, transfer.ErrFenced) || errors.Is(err, transfer.ErrClosed) || errors.Is(err, transfer.ErrDurability)
}
