package mqtest

import "github.com/mqha/mqha/mqconn/mqrc"

const channelNameLength = 20 // MQ_CHANNEL_NAME_LENGTH

// channel is a server-connection channel, and what of it matters here.
type channel struct {
	maxLength    int
	heartbeat    int    // seconds; zero: none
	maxInstances int    // MAXINST
	maxOfClient  int    // MAXINSTC: of one client, which is one address
	cipher       string // SSLCIPH; empty: no TLS
	certificate  bool   // SSLCAUTH(REQUIRED): the client must show one
}

// admits plays TLS by names alone: nothing is encrypted here. A client without a cipher on a channel
// that has one, or without the certificate that it asks for, sees what IBM MQ's client would (2393).
func (c *channel) admits(r connectRequest) mqrc.Reason {
	if c.cipher != "" && (r.cipher == "" || c.certificate && r.label == "") {
		return mqrc.SSLInitializationError
	}
	return mqrc.None
}

// Attributes of SYSTEM.DEF.SVRCONN as IBM MQ ships it.
var defaultChannel = channel{maxLength: 4 << 20, heartbeat: 300, maxInstances: 999999999, maxOfClient: 999999999, certificate: true}

// defineChannel defines a channel of any type. A name belongs to one channel, whatever its type.
func (o *objects) defineChannel(c command) error {
	name, err := c.name(channelNameLength)
	if err != nil {
		return err
	}
	kind := c.value("CHLTYPE")
	existing := o.channelType(name)
	if err := c.admits(existing != ""); err != nil {
		return err
	}
	if existing != "" && existing != kind {
		return c.object.errorf("%s is defined with CHLTYPE(%s)", c.object, existing)
	}
	switch kind {
	case "SVRCONN":
		return o.defineServerConnection(c, name)
	case "SDR":
		return o.defineSender(c, name)
	case "RCVR":
		return o.defineReceiver(c, name)
	case "SVR", "RQSTR", "CLNTCONN":
		return o.ignoreChannel(c)
	default:
		return c.object.errorf("CHLTYPE(%s) is not known here", kind)
	}
}

// channelType is empty for a channel that is not defined.
func (o *objects) channelType(name string) string {
	_, sends := o.senders[name]
	_, receives := o.receivers[name]
	switch {
	case o.channels[name] != nil:
		return "SVRCONN"
	case sends:
		return "SDR"
	case receives:
		return "RCVR"
	default:
		return ""
	}
}

// value of the first word of that name.
func (c *command) value(name string) string {
	for _, w := range c.words {
		if w.name == name {
			return w.value
		}
	}
	return ""
}

// channelWords gives the attributes of a channel to set, one after the other.
func (o *objects) channelWords(c command, set func(word) (taken bool, err error)) error {
	for _, w := range c.words {
		if w.name == "CHLTYPE" {
			continue
		}
		taken, err := set(w)
		if err == nil && !taken {
			err = o.rest(c, w, channelIgnored)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *objects) defineServerConnection(c command, name string) error {
	ch := defaultChannel
	if existing := o.channels[name]; existing != nil && c.verb == "ALTER" {
		ch = *existing
	}
	if err := o.channelWords(c, ch.set); err != nil {
		return err
	}
	o.channels[name] = &ch
	return nil
}

// set takes one attribute of a server-connection channel.
func (c *channel) set(w word) (taken bool, err error) {
	switch w.name {
	case "MAXMSGL":
		c.maxLength, err = w.number(0, 100<<20)
	case "HBINT":
		c.heartbeat, err = w.number(0, 999999)
	case "MAXINST":
		c.maxInstances, err = w.number(0, 999999999)
	case "MAXINSTC":
		c.maxOfClient, err = w.number(0, 999999999)
	case "SSLCIPH":
		c.cipher = w.value
	case "SSLCAUTH":
		c.certificate, err = w.choice("REQUIRED", "OPTIONAL")
	default:
		return false, nil
	}
	return true, err
}

// ignoreChannel reads the definition of a channel of a type that this queue manager does not run.
func (o *objects) ignoreChannel(c command) error {
	client, sends, receives := defaultChannel, defaultSender, defaultReceiver
	err := o.channelWords(c, func(w word) (bool, error) {
		taken, err := client.set(w)
		if !taken {
			taken, err = sends.set(w)
		}
		if !taken {
			taken, err = receives.set(w)
		}
		return taken, err
	})
	o.ignore(c.object, c.verb, "CHLTYPE("+c.value("CHLTYPE")+")")
	return err
}
