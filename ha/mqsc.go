package ha

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
}

// Peer is another agent and where its queues are.
type Peer struct {
	Agent        string
	QueueManager string // empty: the same queue manager
}

// MQSC writes the definitions that the agent and its clients need on the agent's queue manager, as
// input for runmqsc. They may be given again at any time: REPLACE keeps the messages on a queue.
// Every error in c.Name and c.Definitions is reported at once, and then nothing is written.
//
// For a Peer on another queue manager MQSC writes the remote queue and the transmission queue,
// which is named as that queue manager. The channels between queue managers stay with their
// administrator; SHORTTMR(5) SHORTRTY(999999999) on the sender avoids the long retry of 20 minutes
// after an outage.
//
// The syntax follows the MQSC reference of IBM MQ. It is loaded into package mqtest by the tests of
// this package; it has not been run by a real queue manager.
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

	// The queue manager releases the queues of a vanished client after 2 x HBINT (DEFINE CHANNEL,
	// HBINT). SHARECNV(1): connections that share a socket also share its fate and its bandwidth.
	fmt.Fprintf(&b, "DEFINE CHANNEL('MQHA.SVRCONN') CHLTYPE(SVRCONN) TRPTYPE(TCP) +\n"+
		"       DESCR('Agents and their clients') +\n"+
		"       HBINT(5) SHARECNV(1) MAXMSGL(4194304) +\n       REPLACE\n\n")

	if d.DeadLetterQueue != "" {
		define(&b, "QLOCAL", d.DeadLetterQueue, "Messages that could not be delivered",
			"DEFSOPT(SHARED) SHARE", "MAXDEPTH(999999999) MAXMSGL(4194304)", "GET(ENABLED) PUT(ENABLED) NOTRIGGER")
		fmt.Fprintf(&b, "ALTER QMGR DEADQ('%s')\n\n", d.DeadLetterQueue)
	}
	c.definePeers(&b)
	c.authorize(&b)
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
			define(b, "QLOCAL", p.QueueManager, "Transmission queue",
				"USAGE(XMITQ) DEFPSIST(YES)", "MAXDEPTH(999999999) MAXMSGL(4194304)", "GET(ENABLED) PUT(ENABLED)")
		}
		define(b, "QREMOTE", InputQueue(p.Agent), "Transfer frames to agent "+p.Agent,
			fmt.Sprintf("RNAME('%s') RQMNAME('%s')", InputQueue(p.Agent), p.QueueManager),
			fmt.Sprintf("XMITQ('%s')", p.QueueManager), "PUT(ENABLED)")
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
	return errors.Join(all...)
}

// mqName says whether s is made of the characters of MQ object names ("Rules for naming IBM MQ
// objects").
func mqName(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("./_%", r))
	})
}
