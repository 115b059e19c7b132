package mqtest

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// senderChannel is the definition of a sender channel.
type senderChannel struct {
	connectionName string // CONNAME
	transmission   string // XMITQ
	maxLength      int    // MAXMSGL
	batchSize      int    // BATCHSZ
	batchInterval  int    // BATCHINT, milliseconds
	disconnect     int    // DISCINT, seconds; zero: never
	heartbeat      int    // HBINT, seconds; zero: none
	shortRetries   int    // SHORTRTY
	shortTimer     int    // SHORTTMR, seconds
	longRetries    int    // LONGRTY
	longTimer      int    // LONGTMR, seconds
	fast           bool   // NPMSPEED(FAST)
	wrap           int    // SEQWRAP
	useDeadLetter  bool   // USEDLQ

	wanted wish // by the last START or STOP CHANNEL
}

// Attributes of SYSTEM.DEF.SENDER as IBM MQ ships it.
var defaultSender = senderChannel{
	maxLength: 4 << 20, batchSize: 50, disconnect: 6000, heartbeat: 300, shortRetries: 10, shortTimer: 60,
	longRetries: 999999999, longTimer: 1200, fast: true, wrap: 999999999, useDeadLetter: true,
}

// receiverChannel is the definition of a receiver channel.
type receiverChannel struct {
	maxLength     int  // MAXMSGL
	batchSize     int  // BATCHSZ
	heartbeat     int  // HBINT, seconds
	fast          bool // NPMSPEED(FAST)
	wrap          int  // SEQWRAP
	useDeadLetter bool // USEDLQ
	retries       int  // MRRTY
	retryTimer    int  // MRTMR, milliseconds

	stopped bool // by STOP CHANNEL
}

// Attributes of SYSTEM.DEF.RECEIVER as IBM MQ ships it.
var defaultReceiver = receiverChannel{
	maxLength: 4 << 20, batchSize: 50, heartbeat: 300, fast: true, wrap: 999999999, useDeadLetter: true,
	retries: 10, retryTimer: 1000,
}

func (o *objects) defineSender(c command, name string) error {
	existing := o.senders[name]
	s := defaultSender
	if c.verb == "ALTER" {
		s = existing
	}
	s.wanted = existing.wanted
	if err := o.channelWords(c, s.set); err != nil {
		return err
	}
	if s.connectionName == "" || s.transmission == "" {
		return c.object.errorf("%s needs CONNAME and XMITQ", c.object)
	}
	o.senders[name] = s
	return nil
}

func (s *senderChannel) set(w word) (taken bool, err error) {
	switch w.name {
	case "CONNAME":
		s.connectionName = w.value
	case "XMITQ":
		s.transmission = w.value
	case "MAXMSGL":
		s.maxLength, err = w.number(0, 100<<20)
	case "BATCHSZ":
		s.batchSize, err = w.number(1, 9999)
	case "BATCHINT":
		s.batchInterval, err = w.number(0, 999999999)
	case "DISCINT":
		s.disconnect, err = w.number(0, 999999)
	case "HBINT":
		s.heartbeat, err = w.number(0, 999999)
	case "SHORTRTY":
		s.shortRetries, err = w.number(0, 999999999)
	case "SHORTTMR":
		s.shortTimer, err = w.number(0, 999999999)
	case "LONGRTY":
		s.longRetries, err = w.number(0, 999999999)
	case "LONGTMR":
		s.longTimer, err = w.number(0, 999999999)
	case "NPMSPEED":
		s.fast, err = w.choice("FAST", "NORMAL")
	case "SEQWRAP":
		s.wrap, err = w.number(100, 999999999)
	case "USEDLQ":
		s.useDeadLetter, err = w.choice("YES", "NO")
	default:
		return false, nil
	}
	return true, err
}

func (o *objects) defineReceiver(c command, name string) error {
	existing := o.receivers[name]
	r := defaultReceiver
	if c.verb == "ALTER" {
		r = existing
	}
	r.stopped = existing.stopped
	if err := o.channelWords(c, r.set); err != nil {
		return err
	}
	o.receivers[name] = r
	return nil
}

func (r *receiverChannel) set(w word) (taken bool, err error) {
	switch w.name {
	case "MAXMSGL":
		r.maxLength, err = w.number(0, 100<<20)
	case "BATCHSZ":
		r.batchSize, err = w.number(1, 9999)
	case "HBINT":
		r.heartbeat, err = w.number(0, 999999)
	case "NPMSPEED":
		r.fast, err = w.choice("FAST", "NORMAL")
	case "SEQWRAP":
		r.wrap, err = w.number(100, 999999999)
	case "USEDLQ":
		r.useDeadLetter, err = w.choice("YES", "NO")
	case "MRRTY":
		r.retries, err = w.number(0, 999999999)
	case "MRTMR":
		r.retryTimer, err = w.number(0, 999999999)
	default:
		return false, nil
	}
	return true, err
}

// String gives the attributes as MQSC reads them.
func (s senderChannel) String() string {
	return fmt.Sprintf("CHLTYPE(SDR) CONNAME('%s') XMITQ('%s') MAXMSGL(%d) BATCHSZ(%d) BATCHINT(%d) DISCINT(%d) HBINT(%d) "+
		"SHORTRTY(%d) SHORTTMR(%d) LONGRTY(%d) LONGTMR(%d) NPMSPEED(%s) SEQWRAP(%d) USEDLQ(%s)",
		s.connectionName, s.transmission, s.maxLength, s.batchSize, s.batchInterval, s.disconnect, s.heartbeat,
		s.shortRetries, s.shortTimer, s.longRetries, s.longTimer, pick(s.fast, "FAST", "NORMAL"), s.wrap,
		pick(s.useDeadLetter, "YES", "NO"))
}

// String gives the attributes as MQSC reads them.
func (r receiverChannel) String() string {
	return fmt.Sprintf("CHLTYPE(RCVR) MAXMSGL(%d) BATCHSZ(%d) HBINT(%d) NPMSPEED(%s) SEQWRAP(%d) USEDLQ(%s) MRRTY(%d) MRTMR(%d)",
		r.maxLength, r.batchSize, r.heartbeat, pick(r.fast, "FAST", "NORMAL"), r.wrap,
		pick(r.useDeadLetter, "YES", "NO"), r.retries, r.retryTimer)
}

// addresses are those of a connection name list, such as host(1414),other(1415). Without a port it is 1414.
func addresses(connectionName string) []string {
	var all []string
	for _, name := range strings.Split(connectionName, ",") {
		host, port, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(name), ")"), "(")
		if port == "" {
			port = "1414"
		}
		all = append(all, net.JoinHostPort(strings.TrimSpace(host), strings.TrimSpace(port)))
	}
	return all
}

// longest message of a channel; MAXMSGL(0) is what the queue manager takes.
func (q *QueueManager) longest(maxLength int) int {
	if maxLength == 0 {
		return q.maxMessageLength()
	}
	return maxLength
}

// seconds of a channel's attributes last as long as Options.Second says.
func (q *QueueManager) seconds(n int) time.Duration {
	if n > int(maxWait/q.second) {
		return maxWait
	}
	return time.Duration(n) * q.second
}

// maxWait keeps SHORTTMR(999999999) within what a timer takes.
const maxWait = 100 * 365 * 24 * time.Hour

func (q *QueueManager) milliseconds(n int) time.Duration {
	return time.Duration(float64(n) / 1000 * float64(q.second))
}
