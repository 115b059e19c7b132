package ha

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Definitions is what MQSC needs to know beyond the agent's own settings. The agent itself does
// not look at it.
type Definitions struct {
	// QueueManager is the name of the agent's queue manager, up to 37 characters: clients get
	// their answers from the queue MQHA.REPLY.<name>.
	QueueManager string
	// User that the agent's connections run as. If set, MQSC writes the authorities it needs.
	User string
	// DeadLetterQueue, if set, is defined and made the queue manager's dead-letter queue. Without
	// one a channel stops at the first message that it cannot deliver. Empty: the queue manager's
	// setting stays as it is.
	DeadLetterQueue string
	// Peers are the agents that this one sends files to or gets files from.
	Peers []Peer
	// MaxInstances is MAXINST of the channel for agents and clients: how many connections it admits.
	// Default 200; negative: no limit.
	MaxInstances int
	// Addresses are the IP addresses from which agents and clients may use that channel (CHLAUTH
	// ADDRESSMAP), such as 10.1.2.3 or 10.1.*; everybody else is refused. Empty: the queue manager's own
	// records decide.
	Addresses []string
	// Service, if its Command is set, makes the queue manager start the agent.
	Service Service
}

// Peer is another agent and where its queues are.
type Peer struct {
	Agent        string
	QueueManager string // empty: the same queue manager
	// ConnectionName is where that queue manager listens, as CONNAME has it: host(port), or several with
	// commas. With it MQSC writes the channels there and back. Empty: they stay with their
	// administrator.
	ConnectionName string
	// SendChannel and ReceiveChannel name the channels, in up to 20 characters. Default
	// <here>.TO.<there> and <there>.TO.<here>. On the other side they are exchanged.
	SendChannel, ReceiveChannel string
}

// MQSC writes the definitions that the agent and its clients need on the agent's queue manager, as
// input for runmqsc. They may be given again at any time: REPLACE keeps the messages on a queue.
// Every error in c.Name and c.Definitions is reported at once, and then nothing is written.
//
// For a Peer on another queue manager MQSC writes the remote queue and the transmission queue,
// which is named as that queue manager, and with Peer.ConnectionName a sender channel there and the
// receiver channel back. The sender is started by its transmission queue (TRIGGER), and tries every 5
// seconds for as long as an outage lasts. Both queue managers need a listener. MAXMSGL of a transmission
// queue counts the MQXQH of 428 bytes, for which New keeps Transfer.FrameBytes small enough.
//
// The syntax follows the MQSC reference of IBM MQ. It is loaded into package mqtest by the tests of
// this package, which move a file over such channels; it has not been run by a real queue manager.
func (c Config) MQSC(w io.Writer) error {
	if err := c.checkDefinitions(); err != nil {
		return err
	}
	var b bytes.Buffer
	d := c.Definitions
	fmt.Fprintf(&b, "* Agent %s on queue manager %s:  runmqsc %s < this file\n\n", c.Name, d.QueueManager, d.QueueManager)

	// NOSHARE refuses a second getter whatever it asks for, and DEFSOPT(EXCL) makes an open "as
	// defined" exclusive, which is all that some client libraries can ask for.
	define(&b, "QLOCAL", InputQueue(c.Name), "Transfer frames to agent "+c.Name,
		"DEFSOPT(EXCL) NOSHARE DEFPSIST(NO)", "MAXDEPTH(999999999) MAXMSGL(4194304)", "GET(ENABLED) PUT(ENABLED) NOTRIGGER")
	define(&b, "QLOCAL", CommandQueue(c.Name), "Commands to agent "+c.Name,
		"DEFSOPT(EXCL) NOSHARE DEFPSIST(YES)", "MAXDEPTH(999999999) MAXMSGL(4194304)", "GET(ENABLED) PUT(ENABLED) NOTRIGGER")
	define(&b, "QLOCAL", haQueue(c.Name), "Election of agent "+c.Name,
		"DEFSOPT(EXCL) NOSHARE DEFPSIST(YES)", "GET(ENABLED) PUT(ENABLED) NOTRIGGER")
	define(&b, "QLOCAL", ReplyQueue(d.QueueManager), "Answers to clients of agents",
		"DEFSOPT(SHARED) SHARE DEFPSIST(NO)", "MAXDEPTH(999999999) MAXMSGL(4194304)", "GET(ENABLED) PUT(ENABLED) NOTRIGGER")

	c.defineServerConnection(&b)
	if d.DeadLetterQueue != "" {
		define(&b, "QLOCAL", d.DeadLetterQueue, "Messages that could not be delivered",
			"DEFSOPT(SHARED) SHARE", "MAXDEPTH(999999999) MAXMSGL(4194304)", "GET(ENABLED) PUT(ENABLED) NOTRIGGER")
		fmt.Fprintf(&b, "ALTER QMGR DEADQ('%s')\n\n", d.DeadLetterQueue)
	}
	c.definePeers(&b)
	c.authorize(&b)
	c.defineService(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func define(b *bytes.Buffer, object, name, descr string, attributes ...string) {
	fmt.Fprintf(b, "DEFINE %s('%s') +\n       DESCR('%s') +\n", object, name, descr)
	for _, a := range attributes {
		fmt.Fprintf(b, "       %s +\n", a)
	}
	b.WriteString("       REPLACE\n\n")
}

// definePeers writes remote queues of the same name as the queue they stand for: a client library
// that cannot name another queue manager can then still put to it.
func (c Config) definePeers(b *bytes.Buffer) {
	transmission := map[string]bool{}
	for _, p := range c.Definitions.Peers {
		if c.local(p) {
			continue
		}
		if !transmission[p.QueueManager] {
			transmission[p.QueueManager] = true
			c.defineWay(b, p.QueueManager)
		}
		define(b, "QREMOTE", InputQueue(p.Agent), "Transfer frames to agent "+p.Agent,
			fmt.Sprintf("RNAME('%s') RQMNAME('%s')", InputQueue(p.Agent), p.QueueManager),
			fmt.Sprintf("XMITQ('%s')", p.QueueManager), "PUT(ENABLED)")
	}
}

// defineWay writes the transmission queue to another queue manager and, if one of the peers there says where
// that listens, the channels.
func (c Config) defineWay(b *bytes.Buffer, queueManager string) {
	peers := c.Definitions.Peers
	i := slices.IndexFunc(peers, func(p Peer) bool { return p.QueueManager == queueManager && p.ConnectionName != "" })
	trigger := "NOTRIGGER"
	if i >= 0 {
		send, _ := c.channelNames(peers[i])
		trigger = fmt.Sprintf("TRIGGER TRIGTYPE(FIRST) INITQ('SYSTEM.CHANNEL.INITQ') TRIGDATA('%s')", send)
	}
	define(b, "QLOCAL", queueManager, "Transmission queue",
		"USAGE(XMITQ) DEFPSIST(YES)", "MAXDEPTH(999999999) MAXMSGL(4194304)", "GET(ENABLED) PUT(ENABLED)", trigger)
	if i >= 0 {
		c.defineChannels(b, peers[i])
	}
}

// authorize gives the user of the agent what the agent does, and no more.
func (c Config) authorize(b *bytes.Buffer) {
	user := c.Definitions.User
	if user == "" {
		return
	}
	fmt.Fprintf(b, "SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('%s') AUTHADD(CONNECT,INQ)\n", user)
	grant := func(queue, what string) {
		fmt.Fprintf(b, "SET AUTHREC PROFILE('%s') OBJTYPE(QUEUE) +\n       PRINCIPAL('%s') AUTHADD(%s)\n", queue, user, what)
	}
	grant(InputQueue(c.Name), "BROWSE,GET,INQ")
	grant(CommandQueue(c.Name), "BROWSE,GET,INQ")
	grant(haQueue(c.Name), "BROWSE,GET,INQ,PUT")
	grant(ReplyQueue(c.Definitions.QueueManager), "PUT")
	for _, p := range c.Definitions.Peers {
		grant(InputQueue(p.Agent), "PUT")
	}
}

func (c Config) local(p Peer) bool {
	return p.QueueManager == "" || p.QueueManager == c.Definitions.QueueManager
}

func (c Config) checkDefinitions() error {
	d := c.Definitions
	all := []error{checkName(c.Name)}
	wrong := func(text string, args ...any) {
		all = append(all, &ConfigError{Text: fmt.Sprintf(text, args...)})
	}
	if d.QueueManager == "" {
		wrong("Config.Definitions.QueueManager is empty: the queue that clients get answers from is named after it")
	} else if len(ReplyQueue(d.QueueManager)) > 48 || !mqName(d.QueueManager) {
		wrong("Config.Definitions.QueueManager %q: need up to 37 of A-Z a-z 0-9 . / _ %%", d.QueueManager)
	}
	if d.DeadLetterQueue != "" && (len(d.DeadLetterQueue) > 48 || !mqName(d.DeadLetterQueue)) {
		wrong("Config.Definitions.DeadLetterQueue %q: need up to 48 of A-Z a-z 0-9 . / _ %%", d.DeadLetterQueue)
	}
	if strings.ContainsFunc(d.User, func(r rune) bool { return r == '\'' || r < ' ' || r > '~' }) {
		wrong("Config.Definitions.User %q: quotes and unprintable characters are not allowed", d.User)
	}
	for _, p := range d.Peers {
		if err := checkName(p.Agent); err != nil {
			all = append(all, fmt.Errorf("peer: %w", err))
		}
		if p.Agent == c.Name {
			wrong("Config.Definitions.Peers names the agent %s itself", c.Name)
		}
		if p.QueueManager != "" && (len(p.QueueManager) > 48 || !mqName(p.QueueManager)) {
			wrong("queue manager %q of peer %s: need up to 48 of A-Z a-z 0-9 . / _ %%", p.QueueManager, p.Agent)
		}
	}
	c.checkChannels(wrong)
	return errors.Join(all...)
}

// mqName says whether s is made of the characters of MQ object names ("Rules for naming IBM MQ
// objects").
func mqName(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("./_%", r))
	})
}
