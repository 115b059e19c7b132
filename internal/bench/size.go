package main

import (
	"fmt"
	"strconv"
	"strings"
)

// byteCount is a flag such as 2GiB.
type byteCount int64

var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

func (b *byteCount) String() string {
	for _, u := range units {
		if int64(*b) >= u.bytes && int64(*b)%u.bytes == 0 {
			return fmt.Sprint(int64(*b)/u.bytes, u.name)
		}
	}
	return strconv.FormatInt(int64(*b), 10)
}

// Set reads what String writes.
func (b *byteCount) Set(s string) error {
	unit := int64(1)
	for _, u := range units {
		if n, ok := strings.CutSuffix(s, u.name); ok {
			s, unit = n, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1<<50/unit {
		return fmt.Errorf("%q is no size, such as 512MiB", s)
	}
	*b = byteCount(n * unit)
	return nil
}
