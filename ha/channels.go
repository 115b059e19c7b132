package ha

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Service makes the queue manager start the agent with itself (DEFINE SERVICE, SERVTYPE(SERVER)).
//
// It is CONTROL(STARTONLY): the agent learns from its connections that the queue manager ends (2161, 2162, 2009), and
// stays, as a standby or to wait for the queue manager's return; one that should end then is given AfterLoss
// Exit. A second one that is started while it still runs does no harm: both campaign for the same lock.
type Service struct {
	Command   string // the agent's program, with its full path; empty: no service is defined
	Arguments string // blanks separate them
	Stdout    string // file; empty: discarded
	Stderr    string // file; empty: discarded
}

// defaultInstances is MAXINST where Definitions does not say it. One instance of an agent has three or four connections; at
// a takeover those of a vanished one still count for 2 x HBINT.
const defaultInstances = 200

// defineServerConnection writes the channel that agents and clients connect to.
func (c Config) defineServerConnection(b *bytes.Buffer) {
	d := c.Definitions
	instances := cmp.Or(d.MaxInstances, defaultInstances)
	if instances < 0 {
		instances = 999999999
	}
	// The queue manager releases the queues of a vanished client after 2 x HBINT (DEFINE CHANNEL,
	// HBINT). SHARECNV(1): connections that share a socket also share its fate and its bandwidth.
	fmt.Fprintf(b, "DEFINE CHANNEL('%s') CHLTYPE(SVRCONN) TRPTYPE(TCP) +\n"+
		"       DESCR('Agents and their clients') +\n"+
		"       HBINT(5) SHARECNV(1) MAXINST(%d) MAXMSGL(4194304) +\n       REPLACE\n\n", serverConnection, instances)

	// Nobody is an administrator through this channel, whatever the records for other channels say.
	fmt.Fprintf(b, "SET CHLAUTH('%s') TYPE(BLOCKUSER) USERLIST('*MQADMIN') ACTION(REPLACE)\n", serverConnection)
	if len(d.Addresses) > 0 {
		fmt.Fprintf(b, "SET CHLAUTH('%s') TYPE(ADDRESSMAP) ADDRESS('*') +\n       USERSRC(NOACCESS) ACTION(REPLACE)\n", serverConnection)
	}
	for _, a := range d.Addresses {
		fmt.Fprintf(b, "SET CHLAUTH('%s') TYPE(ADDRESSMAP) ADDRESS('%s') +\n       USERSRC(CHANNEL) ACTION(REPLACE)\n", serverConnection, a)
	}
	b.WriteString("\n")
}

const serverConnection = "MQHA.SVRCONN"

// defineChannels writes the pair of channels to and from a peer's queue manager.
//
// NPMSPEED(FAST): file data is not persistent, overtakes control messages, and is asked for again if a cut loses it;
// in batches it would cost the log of two queue managers. The long retry of 20 minutes is never reached.
func (c Config) defineChannels(b *bytes.Buffer, p Peer) {
	send, receive := c.channelNames(p)
	fmt.Fprintf(b, "DEFINE CHANNEL('%s') CHLTYPE(SDR) TRPTYPE(TCP) +\n       DESCR('To queue manager %s') +\n", send, p.QueueManager)
	fmt.Fprintf(b, "       CONNAME('%s') +\n       XMITQ('%s') +\n", p.ConnectionName, p.QueueManager)
	b.WriteString("       NPMSPEED(FAST) BATCHSZ(50) HBINT(5) DISCINT(0) +\n" +
		"       SHORTRTY(999999999) SHORTTMR(5) MAXMSGL(4194304) +\n       REPLACE\n\n")
	fmt.Fprintf(b, "DEFINE CHANNEL('%s') CHLTYPE(RCVR) TRPTYPE(TCP) +\n       DESCR('From queue manager %s') +\n"+
		"       NPMSPEED(FAST) BATCHSZ(50) HBINT(5) MAXMSGL(4194304) +\n       REPLACE\n\n", receive, p.QueueManager)
}

// channelNames are the same on both sides: the sender here is the receiver there.
func (c Config) channelNames(p Peer) (send, receive string) {
	here, there := c.Definitions.QueueManager, p.QueueManager
	return cmp.Or(p.SendChannel, here+".TO."+there), cmp.Or(p.ReceiveChannel, there+".TO."+here)
}

func (c Config) defineService(b *bytes.Buffer) {
	s := c.Definitions.Service
	if s.Command == "" {
		return
	}
	fmt.Fprintf(b, "\nDEFINE SERVICE('MQHA.%s') +\n       DESCR('Agent %s') +\n       SERVTYPE(SERVER) CONTROL(STARTONLY) +\n", c.Name, c.Name)
	for _, a := range []struct{ name, value string }{
		{"STARTCMD", s.Command}, {"STARTARG", s.Arguments}, {"STDOUT", s.Stdout}, {"STDERR", s.Stderr},
	} {
		fmt.Fprintf(b, "       %s('%s') +\n", a.name, strings.ReplaceAll(a.value, "'", "''"))
	}
	b.WriteString("       REPLACE\n")
}

// checkChannels finds what cannot be written, and peers of one queue manager that do not agree on the way to it.
func (c Config) checkChannels(wrong func(text string, args ...any)) {
	ways := map[string]Peer{}
	for _, p := range c.Definitions.Peers {
		if c.local(p) || p.ConnectionName == "" {
			continue
		}
		send, receive := c.channelNames(p)
		if other, ok := ways[p.QueueManager]; !ok {
			ways[p.QueueManager] = p
		} else if otherSend, otherReceive := c.channelNames(other); other.ConnectionName != p.ConnectionName || otherSend != send || otherReceive != receive {
			wrong("peers %s and %s are on queue manager %s and differ in their connection names or channels", other.Agent, p.Agent, p.QueueManager)
		}
		for _, name := range []string{send, receive} {
			if len(name) > 20 || !mqName(name) {
				wrong("the channel %q between %s and %s needs a name of up to 20 of A-Z a-z 0-9 . / _ %%: set SendChannel and ReceiveChannel of peer %s",
					name, c.Definitions.QueueManager, p.QueueManager, p.Agent)
			}
		}
		if !connectionName(p.ConnectionName) {
			wrong("connection name %q of peer %s: need host(port), or several with commas, in up to 264 characters", p.ConnectionName, p.Agent)
		}
	}
	for _, a := range c.Definitions.Addresses {
		if a == "" || strings.ContainsFunc(a, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF.:*-", r) }) {
			wrong("Config.Definitions.Addresses %q: need an IP address, in which * stands for any part", a)
		}
	}
	s := c.Definitions.Service
	for _, v := range []string{s.Command, s.Arguments, s.Stdout, s.Stderr} {
		if len(v) > 255 || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
			wrong("Config.Definitions.Service %q: need up to 255 printable ASCII characters", v)
		}
	}
	if s.Command == "" && s != (Service{}) {
		wrong("Config.Definitions.Service has no Command")
	}
}

func connectionName(s string) bool {
	return len(s) <= 264 && !slices.ContainsFunc(strings.Split(s, ","), func(one string) bool {
		return one == "" || strings.ContainsFunc(one, func(r rune) bool {
			return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune(".-_:()", r))
		})
	})
}
