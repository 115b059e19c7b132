package transfer

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// ID names a transfer: 128 random bits, written as 32 hexadecimal digits.
type ID [16]byte

// NewID draws an ID. A program that must not submit twice draws it before the first try and uses it
// for all of them.
func NewID() ID {
	var id ID
	rand.Read(id[:]) // never fails: crypto/rand ends the process instead
	return id
}

// ParseID is the inverse of String.
func ParseID(s string) (ID, error) {
	var id ID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return ID{}, fmt.Errorf("transfer: %q is not a transfer ID: 32 hexadecimal digits", s)
	}
	copy(id[:], b)
	return id, nil
}

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText writes the 32 digits.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}
