// Package mqrc names the reason codes of IBM MQ that a program meets when it connects, opens, puts,
// gets, commits, backs out and inquires.
//
// It holds names only. What a reason means for a program depends on the verb that gave it and on how
// the program is connected; package mqconn decides that.
//
// Numbers and names: IBM MQ documentation, "API completion and reason codes" (the Q04xxxx pages),
// and cmqc.h.
package mqrc

import "strconv"

// Reason is an MQI reason code (MQRC_*).
type Reason int32

// String gives the number, which operators search for, and, where this package knows it, the name:
// "2059 MQRC_Q_MGR_NOT_AVAILABLE".
func (r Reason) String() string {
	number := strconv.Itoa(int(r))
	if name := r.Name(); name != "" {
		return number + " " + name
	}
	return number
}

// Name is the constant's name in cmqc.h, "MQRC_Q_MGR_NOT_AVAILABLE", or empty where this package does
// not know it.
func (r Reason) Name() string { return names[r] }
