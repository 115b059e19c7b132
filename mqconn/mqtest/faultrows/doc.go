// Package faultrows tests what a program of package mqconn sees of each kind of fault that mqtest knows: the class of
// the error, whether the session lives, the states that it goes through, the line in the log, and that it works
// again afterwards. There is one row for each kind, over any transport; a kind without a row fails.
package faultrows
