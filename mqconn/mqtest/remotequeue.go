package mqtest

import "fmt"

// remoteQueue is a QREMOTE: another name for a queue somewhere else or, without RNAME, for a queue manager.
type remoteQueue struct {
	queueManager, queue, transmission string
	putInhibited, defPersistent       bool
	defPriority                       int
}

var remoteIgnored = names("DESCR SCOPE CLUSTER CLUSNL DEFBIND DEFPRESP CUSTOM")

func (o *objects) defineRemote(c command) error {
	name, err := c.name(queueNameLength)
	if err != nil {
		return err
	}
	r, exists := o.remotes[name]
	if err := c.admits(exists || o.queues[name] != nil || o.aliases[name] != ""); err != nil {
		return err
	}
	if c.verb == "DEFINE" {
		r = remoteQueue{}
	}
	for _, w := range c.words {
		taken, err := r.set(w)
		if err == nil && !taken {
			err = o.rest(c, w, remoteIgnored)
		}
		if err != nil {
			return err
		}
	}
	o.remotes[name] = r
	return nil
}

// set takes one attribute of a remote queue.
func (r *remoteQueue) set(w word) (taken bool, err error) {
	switch w.name {
	case "RNAME":
		r.queue = w.value
	case "RQMNAME":
		r.queueManager = w.value
	case "XMITQ":
		r.transmission = w.value
	case "PUT":
		r.putInhibited, err = w.choice("DISABLED", "ENABLED")
	case "DEFPSIST":
		r.defPersistent, err = w.choice("YES", "NO")
	case "DEFPRTY":
		r.defPriority, err = w.number(0, highestPriority)
	default:
		return false, nil
	}
	return true, err
}

// String gives the attributes as MQSC reads them.
func (r remoteQueue) String() string {
	return fmt.Sprintf("RNAME('%s') RQMNAME('%s') XMITQ('%s') PUT(%s) DEFPSIST(%s) DEFPRTY(%d)",
		r.queue, r.queueManager, r.transmission, pick(r.putInhibited, "DISABLED", "ENABLED"),
		pick(r.defPersistent, "YES", "NO"), r.defPriority)
}
