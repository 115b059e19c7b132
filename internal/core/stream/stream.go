// Package stream names places in the stream of one transfer: its files one after the other, in the
// order of the manifest. File 0 is the manifest itself, files 1 to Last are what it lists.
package stream

import "fmt"

// Pos is the place before one byte of the stream.
type Pos struct {
	File   uint32 `json:"file"`
	Offset int64  `json:"offset"`
}

// Next is the beginning of the file after p's.
func (p Pos) Next() Pos { return Pos{File: p.File + 1} }

// Advance is the place n bytes on, in the same file.
func (p Pos) Advance(n int) Pos { return Pos{File: p.File, Offset: p.Offset + int64(n)} }

// Before says whether p comes earlier than q.
func (p Pos) Before(q Pos) bool {
	return p.File < q.File || p.File == q.File && p.Offset < q.Offset
}

func (p Pos) String() string { return fmt.Sprintf("%d+%d", p.File, p.Offset) }

// Answer is what a receiver knows of a transfer.
type Answer uint8

// The answers.
const (
	Unknown   Answer = iota // never heard of it: announce it
	Receiving               // goes on at the position that comes with the answer
	Completed               // every file is delivered or reported failed
	Refused                 // will not be received
	Cancelled               // given up by its sender; files that were delivered before stay
)
