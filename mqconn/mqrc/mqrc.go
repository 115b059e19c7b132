// Package mqrc names the reason codes of IBM MQ.
//
// It has a constant and a meaning for each that a program can meet when it connects, opens, puts, gets,
// commits, backs out and inquires, and the name of every other. What a reason means for a program
// depends on the call that gave it and on how the program is connected; package mqconn decides that.
//
// Numbers and names are made from mq-golang's constant table, by the reader that also makes the header
// files of the C double of the MQ client. Which calls give a reason, and what it means, stands in
// reasons.txt, with its sources.
package mqrc

import "strconv"

//go:generate go run ../../internal/cmqc/generate

// Reason is an MQI reason code (MQRC_*).
type Reason int32

// String gives the number, which operators search for, and the name: "2059 MQRC_Q_MGR_NOT_AVAILABLE".
func (r Reason) String() string {
	number := strconv.Itoa(int(r))
	if name := r.Name(); name != "" {
		return number + " " + name
	}
	return number
}

// Name is the constant's name in cmqc.h, "MQRC_Q_MGR_NOT_AVAILABLE", or empty where IBM MQ has none.
func (r Reason) Name() string { return names[r] }

// Meaning says in a few words what the queue manager or the client means by it; empty where no
// program's call gives it.
func (r Reason) Meaning() string { return meanings[r] }
