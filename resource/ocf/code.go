package ocf

import (
	"errors"
	"fmt"
)

// Code is the exit code of an action. What Pacemaker does with each stands in "Pacemaker Explained",
// OCF Return Codes.
type Code int

// The codes, with Pacemaker's answer to a failed action.
const (
	Success       Code = 0 // none
	Generic       Code = 1 // soft: restart, or move
	Args          Code = 2 // hard: never again on this node
	Unimplemented Code = 3 // hard; an optional action that is missing
	Permission    Code = 4 // hard
	Installed     Code = 5 // hard: something that it needs is not on this node
	Configured    Code = 6 // fatal: on no node
	NotRunning    Code = 7 // monitor only: cleanly stopped
)

// Error gives an error the exit code that it deserves.
type Error struct {
	Code Code
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the error.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an *Error.
func Errorf(c Code, format string, args ...any) error {
	return &Error{Code: c, Err: fmt.Errorf(format, args...)}
}

// codeOf finds the exit code: that of an *Error, or what classify says, or otherwise.
func codeOf(err error, classify func(error) Code, otherwise Code) Code {
	var e *Error
	switch {
	case err == nil:
		return Success
	case errors.As(err, &e):
		return e.Code
	case classify != nil:
		if c := classify(err); c != Success {
			return c
		}
	}
	return otherwise
}
