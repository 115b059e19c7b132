package mqtest

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// messageChannel is what the definitions of both ends have.
type messageChannel struct {
	maxLength     int  // MAXMSGL
	batchSize     int  // BATCHSZ
	heartbeat     int  // HBINT, seconds; zero: none
	fast          bool // NPMSPEED(FAST)
	wrap          int  // SEQWRAP
	useDeadLetter bool // USEDLQ
}

// What SYSTEM.DEF.SENDER and SYSTEM.DEF.RECEIVER have in common as IBM MQ ships them.
var defaultMessageChannel = messageChannel{
	maxLength: 4 << 20, batchSize: 50, heartbeat: 300, fast: true, wrap: 999999999, useDeadLetter: true,
}

func (m *messageChannel) set(w word) (taken bool, err error) {
	switch w.name {
	case "MAXMSGL":
		m.maxLength, err = w.number(0, 100<<20)
	case "BATCHSZ":
		m.batchSize, err = w.number(1, 9999)
	case "HBINT":
		m.heartbeat, err = w.number(0, 999999)
	case "NPMSPEED":
		m.fast, err = w.choice("FAST", "NORMAL")
	case "SEQWRAP":
		m.wrap, err = w.number(100, 999999999)
	case "USEDLQ":
		m.useDeadLetter, err = w.choice("YES", "NO")
	default:
		return false, nil
	}
	return true, err
}

// String gives the attributes as MQSC reads them.
func (m messageChannel) String() string {
	return fmt.Sprintf("MAXMSGL(%d) BATCHSZ(%d) HBINT(%d) NPMSPEED(%s) SEQWRAP(%d) USEDLQ(%s)",
		m.maxLength, m.batchSize, m.heartbeat, pick(m.fast, "FAST", "NORMAL"), m.wrap, pick(m.useDeadLetter, "YES", "NO"))
}

// senderChannel is the definition of a sender channel.
type senderChannel struct {
	messageChannel
	connectionName string // CONNAME
	transmission   string // XMITQ
	batchInterval  int    // BATCHINT, milliseconds
	disconnect     int    // DISCINT, seconds; zero: never
	shortRetries   int    // SHORTRTY
	shortTimer     int    // SHORTTMR, seconds
	longRetries    int    // LONGRTY
	longTimer      int    // LONGTMR, seconds

	wanted wish // by the last START or STOP CHANNEL
}

// Attributes of SYSTEM.DEF.SENDER as IBM MQ ships it.
var defaultSender = senderChannel{
	messageChannel: defaultMessageChannel, disconnect: 6000, shortRetries: 10, shortTimer: 60, longRetries: 999999999, longTimer: 1200,
}

// receiverChannel is the definition of a receiver channel.
type receiverChannel struct {
	messageChannel
	retries    int // MRRTY
	retryTimer int // MRTMR, milliseconds

	stopped bool // by STOP CHANNEL
}

// Attributes of SYSTEM.DEF.RECEIVER as IBM MQ ships it.
var defaultReceiver = receiverChannel{messageChannel: defaultMessageChannel, retries: 10, retryTimer: 1000}

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
	case "BATCHINT":
		s.batchInterval, err = w.number(0, 999999999)
	case "DISCINT":
		s.disconnect, err = w.number(0, 999999)
	case "SHORTRTY":
		s.shortRetries, err = w.number(0, 999999999)
	case "SHORTTMR":
		s.shortTimer, err = w.number(0, 999999999)
	case "LONGRTY":
		s.longRetries, err = w.number(0, 999999999)
	case "LONGTMR":
		s.longTimer, err = w.number(0, 999999999)
	default:
		return s.messageChannel.set(w)
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
	case "MRRTY":
		r.retries, err = w.number(0, 999999999)
	case "MRTMR":
		r.retryTimer, err = w.number(0, 999999999)
	default:
		return r.messageChannel.set(w)
	}
	return true, err
}

// String gives the attributes as MQSC reads them.
func (s senderChannel) String() string {
	return fmt.Sprintf("CHLTYPE(SDR) CONNAME('%s') XMITQ('%s') %s BATCHINT(%d) DISCINT(%d) SHORTRTY(%d) SHORTTMR(%d) LONGRTY(%d) LONGTMR(%d)",
		s.connectionName, s.transmission, s.messageChannel, s.batchInterval, s.disconnect, s.shortRetries, s.shortTimer,
		s.longRetries, s.longTimer)
}

// String gives the attributes as MQSC reads them.
func (r receiverChannel) String() string {
	return fmt.Sprintf("CHLTYPE(RCVR) %s MRRTY(%d) MRTMR(%d)", r.messageChannel, r.retries, r.retryTimer)
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
