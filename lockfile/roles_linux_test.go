package lockfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	l, err := Acquire(context.Background(), path, Options{})
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	y := layout{filepath.Dir(path), l.Epoch()}
	err = errors.Join(os.WriteFile(y.part(), wholePart, 0o644), os.WriteFile(y.journal(), nil, 0o644), appendJournal(y.journal(), "one"))
	part, partErr := os.OpenFile(y.part(), os.O_WRONLY, 0)
	journal, journalErr := os.OpenFile(y.journal(), os.O_WRONLY|os.O_APPEND, 0)
	if err := errors.Join(err, partErr, journalErr); err != nil {
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
			<-l.Done()
			fmt.Println("loss", l.Err())
		case "flush":
			fmt.Println("flushed", errno(part.Sync()), errno(journal.Sync()), errno(part.Close()), errno(journal.Close()))
		}
	}
	return 0
}
