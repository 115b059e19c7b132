package resource

import (
	"bytes"
	"io"
)

// maxLine bounds what is kept of a line without an end.
const maxLine = 64 << 10

// readLines tells the lines of r until it ends or is closed.
func readLines(r io.Reader, tell func(string)) {
	l := lines{tell: tell}
	buf := make([]byte, 4<<10)
	for {
		n, err := r.Read(buf)
		l.add(buf[:n])
		if err != nil {
			l.flush()
			return
		}
	}
}

// lines cuts what it is given into lines.
type lines struct {
	tell func(string)
	rest []byte
}

func (l *lines) add(b []byte) {
	for len(b) > 0 {
		piece, after, whole := bytes.Cut(b, []byte{'\n'})
		if room := maxLine - len(l.rest); len(piece) > room {
			l.rest = append(l.rest, piece[:room]...)
			b = b[room:]
			l.end()
			continue
		}
		l.rest = append(l.rest, piece...)
		b = after
		if whole {
			l.end()
		}
	}
}

// flush tells what came without an end of line.
func (l *lines) flush() {
	if len(l.rest) > 0 {
		l.end()
	}
}

func (l *lines) end() {
	l.tell(string(bytes.TrimSuffix(l.rest, []byte{'\r'})))
	l.rest = l.rest[:0]
}
