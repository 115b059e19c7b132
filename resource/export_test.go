package resource

// For tests outside the package.
var ReadLines = readLines

const MaxLine = maxLine

// WithDefaults is what a Group makes of p.
func (p Policy) WithDefaults() Policy { return p.withDefaults() }
