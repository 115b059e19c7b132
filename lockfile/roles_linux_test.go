package lockfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mqha/mqha/internal/core/lease"
)

// playLinux plays the roles that need more of the operating system than others have.
func playLinux(role string) (code int, played bool) {
	if role == roleWorker {
		return playWorker(), true
	}
	if role == roleDirty {
		return playDirty(), true
	}
	if call, isLate := strings.CutPrefix(role, "late "); isLate {
		return playLate(call), true
	}
	return 0, false
}

// roleDirty is a holder that leaves pages to be written back.
const roleDirty = "dirty"

func playDirty() int {
	path := os.Getenv(pathVariable)
	self, err := identity("dirty")
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	d := &files{path: path, self: self}
	l, err := take(context.Background(), path, d, newClock(), true, nil)
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	lost := make(chan time.Time, 1)
	go func() {
		<-l.Done()
		lost <- time.Now()
	}()
	y := layout{filepath.Dir(path), l.Epoch()}
	part, partErr := os.Create(y.part())
	journal, journalErr := os.OpenFile(y.journal(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err := errors.Join(partErr, journalErr); err != nil {
		fmt.Println("failed", err)
		return 1
	}
	// With these descriptors, because a network file system may open others only at their first write.
	_, partErr = part.Write(wholePart)
	_, journalErr = journal.WriteString(journalLine("one"))
	if err := errors.Join(partErr, journalErr, part.Sync(), journal.Sync()); err != nil {
		fmt.Println("failed", err)
		return 1
	}
	fmt.Println("epoch", l.Epoch())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch lines.Text() {
		case "write":
			_, err := part.WriteAt(lateChunk, 100)
			_, journalErr := journal.WriteString(journalLine("late"))
			fmt.Println("written", errno(err), errno(journalErr))
		case "loss":
			fmt.Println("loss", (<-lost).UnixNano(), l.Err())
		case "beat": // as a heartbeat that was stopped before its write
			fmt.Println("beaten", errno(d.write(lease.Action{Epoch: l.Epoch(), Beat: 1000})), errno(d.f.Sync()))
		case "flush":
			fmt.Println("flushed", errno(part.Sync()), errno(journal.Sync()), errno(part.Close()), errno(journal.Close()))
		}
	}
	return 0
}
