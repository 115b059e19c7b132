// Package arch has no code of its own: its test reads what every package of the module imports, and
// fails when one looks in a direction that the picture in the module's documentation does not show.
package arch
