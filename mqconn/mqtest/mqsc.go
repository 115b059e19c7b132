package mqtest

import (
	"errors"
	"fmt"
	"strings"
)

// ErrMQSC is what every *MQSCError is.
var ErrMQSC = errors.New("mqtest: MQSC")

// MQSCError says what is wrong with a script, and where.
type MQSCError struct {
	Line int // from 1
	Text string
}

func (e *MQSCError) Error() string { return fmt.Sprintf("mqtest: MQSC line %d: %s", e.Line, e.Text) }

// Is makes errors.Is(err, ErrMQSC) true.
func (e *MQSCError) Is(target error) bool { return target == ErrMQSC }

// A statement is one MQSC command: its words in order, such as DEFINE QLOCAL('A') REPLACE.
type statement struct {
	line  int
	words []word
}

// A word is a keyword, with what stands in parentheses after it.
type word struct {
	line   int
	name   string // upper case
	value  string // upper case unless quoted
	valued bool
}

func (w word) String() string {
	if w.valued {
		return w.name + "(" + w.value + ")"
	}
	return w.name
}

func (w word) errorf(format string, args ...any) error {
	return &MQSCError{Line: w.line, Text: fmt.Sprintf(format, args...)}
}

// A text is one command with its continuation lines joined, and where each of them began.
type text struct {
	characters string
	starts     []lineStart
}

type lineStart struct{ offset, line int }

func (t text) line(offset int) int {
	line := t.starts[0].line
	for _, s := range t.starts {
		if s.offset <= offset {
			line = s.line
		}
	}
	return line
}

// join puts continuation lines together. A last character of "+" goes on with the first non-blank of the
// next line, of "-" with its first character; blank lines, and lines with "*" in front, are
// comments wherever they stand (IBM MQ, "Rules for using MQSC commands").
func join(script string) ([]text, error) {
	var texts []text
	var open *text
	stripNext := false
	lines := strings.Split(script, "\n")
	for i, line := range lines {
		line = strings.TrimRight(line, " \t\r")
		if line == "" || strings.HasPrefix(line, "*") {
			continue
		}
		if open == nil {
			open = &text{}
		} else if stripNext {
			line = strings.TrimLeft(line, " \t")
		}
		open.starts = append(open.starts, lineStart{len(open.characters), i + 1})
		switch {
		case strings.HasSuffix(line, "+"):
			open.characters += line[:len(line)-1]
			stripNext = true
		case strings.HasSuffix(line, "-"):
			open.characters += line[:len(line)-1]
			stripNext = false
		default:
			open.characters += line
			texts = append(texts, *open)
			open = nil
		}
	}
	if open != nil {
		return nil, &MQSCError{Line: len(lines), Text: "the script ends inside a command that is to be continued"}
	}
	return texts, nil
}

// parse reads a whole script before any of it is run.
func parse(script string) ([]statement, error) {
	texts, err := join(script)
	if err != nil {
		return nil, err
	}
	var statements []statement
	for _, t := range texts {
		s, err := scan(t)
		if err != nil {
			return nil, err
		}
		statements = append(statements, s...)
	}
	return statements, nil
}

// scan splits one text into statements; a semicolon ends a command, as a line does.
func scan(t text) ([]statement, error) {
	var all []statement
	var current statement
	end := func() {
		if len(current.words) > 0 {
			current.line = current.words[0].line
			all = append(all, current)
			current = statement{}
		}
	}
	for at := 0; at < len(t.characters); {
		switch c := t.characters[at]; {
		case c == ' ' || c == '\t' || c == ',':
			at++
		case c == ';':
			end()
			at++
		case c == '(' && len(current.words) > 0 && !current.words[len(current.words)-1].valued:
			value, next, err := scanValue(t, at)
			if err != nil {
				return nil, err
			}
			last := &current.words[len(current.words)-1]
			last.value, last.valued = value, true
			at = next
		case isNameByte(c):
			start := at
			for at < len(t.characters) && isNameByte(t.characters[at]) {
				at++
			}
			current.words = append(current.words, word{line: t.line(start), name: strings.ToUpper(t.characters[start:at])})
		default:
			return nil, &MQSCError{Line: t.line(at), Text: fmt.Sprintf("%q is not expected here", c)}
		}
	}
	end()
	return all, nil
}

// scanValue reads what stands in parentheses: quoted with ” for a quote, or folded to upper case. It
// may be a list, or contain parentheses, as a connection name HOST(1414) does.
func scanValue(t text, open int) (value string, next int, err error) {
	var b strings.Builder
	depth := 0
	for at := open; at < len(t.characters); at++ {
		switch c := t.characters[at]; c {
		case '\'':
			closing := at + 1
			for ; ; closing++ {
				if closing >= len(t.characters) {
					return "", 0, &MQSCError{Line: t.line(at), Text: "a quote is not closed"}
				}
				if t.characters[closing] != '\'' {
					continue
				}
				if closing+1 < len(t.characters) && t.characters[closing+1] == '\'' {
					closing++
					continue
				}
				break
			}
			b.WriteString(strings.ReplaceAll(t.characters[at+1:closing], "''", "'"))
			at = closing
		case '(':
			if depth++; depth > 1 {
				b.WriteByte(c)
			}
		case ')':
			if depth--; depth == 0 {
				return b.String(), at + 1, nil
			}
			b.WriteByte(c)
		case ' ', '\t': // outside quotes blanks mean nothing
		default:
			b.WriteString(strings.ToUpper(string(c)))
		}
	}
	return "", 0, &MQSCError{Line: t.line(open), Text: "a parenthesis is not closed"}
}

func isNameByte(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("._/%#*", c) >= 0
}

// validName says whether s is a legal object name ("Rules for naming IBM MQ objects").
func validName(s string, limit int) bool {
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("._/%", r))
	})
}
