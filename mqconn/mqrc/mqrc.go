// Package mqrc names the reason codes of IBM MQ that this library meets.
package mqrc

import "strconv"

// Reason is an MQI reason code (MQRC_*).
type Reason int32

// String gives the number and, where this package knows it, the name: "2059 MQRC_Q_MGR_NOT_AVAILABLE".
func (r Reason) String() string { return strconv.Itoa(int(r)) }

// Skeleton: to be completed by the owner of this package.
const (
	None             Reason = 0
	ObjectInUse      Reason = 2042
	NoMsgAvailable   Reason = 2033
	ConnectionBroken Reason = 2009
	QFull            Reason = 2053
	UnknownObject    Reason = 2085
)
