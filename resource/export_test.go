package resource

import "os"

// For tests outside the package.
var ReadLines = readLines

const MaxLine = maxLine

// WithDefaults is what a Group makes of p.
func (p Policy) WithDefaults() Policy { return p.withDefaults() }

// SetFlush replaces the fsync of p, for a disk that does not answer.
func (p *Path) SetFlush(flush func(*os.File) error) { p.flush = flush }
