package mqtest

import (
	"fmt"
	"maps"
	"slices"
)

// A wish is what the last command said of a channel.
type wish int

const (
	unasked wish = iota // started by a trigger only
	started
	stopped
)

// channelCommand is START, STOP, RESET or RESOLVE CHANNEL.
type channelCommand struct {
	verb, name string
	sequence   int  // RESET: SEQNUM
	commit     bool // RESOLVE: ACTION(COMMIT)
	force      bool // STOP: MODE(FORCE) or MODE(TERMINATE)
	inactive   bool // STOP: STATUS(INACTIVE)
}

// commandChannel checks a command and notes it until the script has been read.
func (o *objects) commandChannel(c command) error {
	name, err := c.name(channelNameLength)
	if err != nil {
		return err
	}
	command := channelCommand{verb: c.verb, name: name, sequence: 1}
	for _, w := range c.words {
		if err := command.set(c, w); err != nil {
			return err
		}
	}
	switch kind := o.channelType(name); {
	case kind == "":
		return c.object.errorf("%s is not defined", c.object)
	case kind == "SVRCONN":
		o.ignore(c.object, c.verb, "")
		return nil
	case c.verb == "RESOLVE" && kind != "SDR":
		return c.object.errorf("only a sender channel can be in doubt")
	}
	o.wish(command)
	o.channelCommands = append(o.channelCommands, command)
	return nil
}

func (a *channelCommand) set(c command, w word) (err error) {
	switch c.verb + " " + w.name {
	case "STOP MODE":
		if w.value != "QUIESCE" {
			a.force, err = true, w.oneOf("FORCE", "TERMINATE")
		}
	case "STOP STATUS":
		a.inactive, err = w.choice("INACTIVE", "STOPPED")
	case "RESET SEQNUM":
		a.sequence, err = w.number(1, 999999999)
	case "RESOLVE ACTION":
		a.commit, err = w.choice("COMMIT", "BACKOUT")
	default:
		return w.errorf("%s %s has no attribute %s", c.verb, c.object.name, w.name)
	}
	return err
}

func (w word) oneOf(values ...string) error {
	if !slices.Contains(values, w.value) {
		return w.errorf("%s: need one of %q", w, values)
	}
	return nil
}

// wish notes in the definition what a restart has to know.
func (o *objects) wish(c channelCommand) {
	wanted := unasked
	switch {
	case c.verb == "START":
		wanted = started
	case c.verb == "STOP" && !c.inactive:
		wanted = stopped
	case c.verb != "STOP":
		return
	}
	if s, ok := o.senders[c.name]; ok {
		s.wanted = wanted
		o.senders[c.name] = s
	}
	if r, ok := o.receivers[c.name]; ok {
		r.stopped = wanted == stopped
		o.receivers[c.name] = r
	}
}

// channelScript writes the channels between queue managers so that MQSC reads them back. Those that were started are
// started again, as the channel initiator of IBM MQ does with those that ran or were retrying.
func (o *objects) channelScript() []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(o.senders)) {
		s := o.senders[name]
		lines = append(lines, fmt.Sprintf("DEFINE CHANNEL('%s') %s REPLACE", name, s))
		if s.wanted != unasked {
			lines = append(lines, fmt.Sprintf("%s CHANNEL('%s')", pick(s.wanted == started, "START", "STOP"), name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.receivers)) {
		r := o.receivers[name]
		lines = append(lines, fmt.Sprintf("DEFINE CHANNEL('%s') %s REPLACE", name, r))
		if r.stopped {
			lines = append(lines, fmt.Sprintf("STOP CHANNEL('%s')", name))
		}
	}
	return lines
}

func (q *QueueManager) runChannelCommand(c channelCommand) error {
	q.mu.Lock()
	s := q.senders[c.name]
	q.mu.Unlock()
	switch {
	case s != nil:
		return s.command(c)
	case c.verb == "STOP":
		q.endReceivers(c.name)
		return nil
	case c.verb == "RESET":
		return q.resetReceiver(c.name, c.sequence)
	default: // a receiver that is started waits to be called
		return nil
	}
}

// cutChannels breaks the connections of all channels.
func (q *QueueManager) cutChannels() {
	q.mu.Lock()
	senders, receivers := slices.Collect(maps.Values(q.senders)), slices.Collect(maps.Values(q.receivers))
	q.mu.Unlock()
	for _, s := range senders {
		s.cutNow()
	}
	for _, r := range receivers {
		r.end()
	}
}

// CutChannel breaks the connection of a channel, as a network that fails: of a sender channel, or every one of a
// receiver channel. A sender tries again as its definition says.
func (q *QueueManager) CutChannel(name string) {
	q.mu.Lock()
	s := q.senders[name]
	q.mu.Unlock()
	if s != nil {
		s.cutNow()
		return
	}
	q.endReceivers(name)
}
