package resource

// For tests outside the package.
var ReadLines = readLines

const MaxLine = maxLine
