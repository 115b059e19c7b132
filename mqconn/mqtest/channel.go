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

func (o *objects) defineChannel(c command) error {
	name, err := c.name(channelNameLength)
	if err != nil {
		return err
	}
	existing := o.channels[name]
	if err := c.admits(existing != nil); err != nil {
		return err
	}
	ch := defaultChannel
	if existing != nil && c.verb == "ALTER" {
		ch = *existing
	}
	kind := ""
	for _, w := range c.words {
		var err error
		switch w.name {
		case "CHLTYPE":
			kind = w.value
		case "MAXMSGL":
			ch.maxLength, err = w.number(0, 100<<20)
		case "HBINT":
			ch.heartbeat, err = w.number(0, 999999)
		case "MAXINST":
			ch.maxInstances, err = w.number(0, 999999999)
		case "MAXINSTC":
			ch.maxOfClient, err = w.number(0, 999999999)
		case "SSLCIPH":
			ch.cipher = w.value
		case "SSLCAUTH":
			ch.certificate, err = w.choice("REQUIRED", "OPTIONAL")
		default:
			err = o.rest(c, w, channelIgnored)
		}
		if err != nil {
			return err
		}
	}
	switch kind {
	case "SVRCONN":
		o.channels[name] = &ch
	case "SDR", "RCVR", "SVR", "RQSTR", "CLNTCONN":
		o.ignore(c.object, c.verb, "CHLTYPE("+kind+")")
	default:
		return c.object.errorf("CHLTYPE(%s) is not known here", kind)
	}
	return nil
}
