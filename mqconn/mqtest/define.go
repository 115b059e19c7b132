package mqtest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// objects are the definitions of a queue manager.
type objects struct {
	queues       map[string]*queue
	remotes      map[string]remoteQueue
	aliases      map[string]string
	channels     map[string]*channel
	senders      map[string]senderChannel
	receivers    map[string]receiverChannel
	services     map[string]service
	addressMaps  map[addressMapKey]addressMap
	blockedUsers map[string][]string // by channel profile
	expire       func(*message)      // for new queues

	maxUncommitted int // messages in a unit of work

	maxMessageLength    int
	authenticationOff   bool   // CHLAUTH(DISABLED)
	deadLetter          string // DEADQ
	defaultTransmission string // DEFXMITQ
	channelCommands     []channelCommand
	serviceCommands     []serviceCommand
	ignored             []string
}

func newObjects(expire func(*message)) objects {
	return objects{
		expire:           expire,
		queues:           make(map[string]*queue),
		remotes:          make(map[string]remoteQueue),
		aliases:          make(map[string]string),
		channels:         make(map[string]*channel),
		senders:          make(map[string]senderChannel),
		receivers:        make(map[string]receiverChannel),
		services:         make(map[string]service),
		addressMaps:      make(map[addressMapKey]addressMap),
		blockedUsers:     make(map[string][]string),
		maxMessageLength: 4 << 20,
		maxUncommitted:   10000,
	}
}

// MQSC runs a script of definitions. Nothing is run when a line of it cannot be read; the first
// command that fails ends it. Every error is an *MQSCError with the line.
//
// Known are DEFINE and ALTER of QLOCAL, QREMOTE, QALIAS, CHANNEL, SERVICE and LISTENER, ALTER QMGR,
// SET CHLAUTH, SET AUTHREC, REFRESH SECURITY, START, STOP, RESET and RESOLVE CHANNEL, and START and
// STOP SERVICE. What is known but changes nothing here is listed by Ignored.
//
// Channels and services are started and stopped when the script has been read, in the order of the
// commands; MQSC does not wait for what they do.
func (q *QueueManager) MQSC(script string) error {
	q.defining <- struct{}{} // one script at a time, so that the last one saved is the newest
	defer func() { <-q.defining }()
	q.mu.Lock()
	err := q.runScript(script)
	saved := q.objects.script()
	q.mu.Unlock()
	err = errors.Join(err, q.save(saved)) // what came before the failing command stays defined
	return errors.Join(err, q.runCommands())
}

// runCommands runs what a script says of channels and services, and tells the channels that definitions
// may have changed.
func (q *QueueManager) runCommands() error {
	q.mu.Lock()
	channels, services := q.objects.channelCommands, q.objects.serviceCommands
	q.objects.channelCommands, q.objects.serviceCommands = nil, nil
	q.mu.Unlock()
	q.launchSenders()
	var all []error
	for _, c := range channels {
		all = append(all, q.runChannelCommand(c))
	}
	for _, c := range services {
		all = append(all, q.runServiceCommand(c))
	}
	return errors.Join(all...)
}

// runScript runs a script without saving what it defines. The caller holds the mutex, or has not
// told anybody about q yet.
func (q *QueueManager) runScript(script string) error {
	statements, err := parse(script)
	if err != nil {
		return err
	}
	for _, s := range statements {
		if err := q.objects.run(s); err != nil {
			return err
		}
	}
	return nil
}

// Ignored lists what was defined without any effect here, such as authorities, and attributes
// that this queue manager does not act on: one line each, in the order of definition.
func (q *QueueManager) Ignored() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.objects.ignored)
}

// Attributes that are accepted, one set for each kind of object. Those in upper case letters only here
// are acted on by the function that defines the object; it asks for them by name.
var (
	queueIgnored = names("DESCR TRIGTYPE TRIGDATA TRIGDPTH TRIGMPRI PROCESS INITQ BOTHRESH BOQNAME " +
		"HARDENBO NOHARDENBO RETINTVL DISTL QDEPTHHI QDEPTHLO QDPHIEV QDPLOEV QDPMAXEV QSVCIEV QSVCINT NPMCLASS SCOPE " +
		"PROPCTL DEFREADA DEFPRESP DEFBIND CLUSTER CLUSNL STATQ MONQ ACCTQ CUSTOM")
	channelIgnored = names("DESCR TRPTYPE SHARECNV MCAUSER SSLPEER CERTLABL KAINT SCYEXIT SENDEXIT RCVEXIT COMPHDR " +
		"COMPMSG MONCHL LOCLADDR BATCHHB CONVERT PUTAUT QMNAME USERID PASSWORD")
	qmgrIgnored = names("DESCR CONNAUTH MAXHANDS PSMODE CHAD AUTHOREV STRSTPEV CONFIGEV CHLEV SSLKEYR " +
		"CERTLABL MONQ MONCHL STATQ ACCTQ")
	wholeIgnored = map[string]map[string]bool{
		"LISTENER": names("CONTROL TRPTYPE PORT IPADDR BACKLOG DESCR REPLACE NOREPLACE"),
		"AUTHREC":  names("PROFILE OBJTYPE PRINCIPAL GROUP AUTHADD AUTHRMV SERVCOMP"),
		"SECURITY": names("TYPE"),
	}
)

func names(list string) map[string]bool {
	set := make(map[string]bool)
	for _, name := range strings.Fields(list) {
		set[name] = true
	}
	return set
}

// command is a statement with its head taken apart.
type command struct {
	verb   string
	object word
	words  []word
}

func (o *objects) run(s statement) error {
	if len(s.words) < 2 || s.words[0].valued {
		return s.words[0].errorf("%s is not a command", s.words[0])
	}
	c := command{verb: s.words[0].name, object: s.words[1], words: s.words[2:]}
	switch c.verb {
	case "DEF":
		c.verb = "DEFINE"
	case "ALT":
		c.verb = "ALTER"
	}
	kind := strings.TrimSuffix(c.object.name, "OCAL")
	switch action := c.verb + " " + kind; action {
	case "DEFINE QL", "ALTER QL":
		return o.defineQueue(c)
	case "DEFINE QREMOTE", "ALTER QREMOTE", "DEFINE QR":
		return o.defineRemote(c)
	case "DEFINE QALIAS", "ALTER QALIAS", "DEFINE QA":
		return o.defineAlias(c)
	case "DEFINE CHANNEL", "ALTER CHANNEL", "DEFINE CHL":
		return o.defineChannel(c)
	case "ALTER QMGR":
		return o.alterQueueManager(c)
	case "START CHANNEL", "STOP CHANNEL", "RESET CHANNEL", "RESOLVE CHANNEL":
		return o.commandChannel(c)
	case "DEFINE SERVICE", "ALTER SERVICE":
		return o.defineService(c)
	case "START SERVICE", "STOP SERVICE":
		return o.commandService(c)
	case "SET CHLAUTH":
		return o.setChannelAuthentication(c)
	case "DEFINE LISTENER", "ALTER LISTENER", "SET AUTHREC", "REFRESH SECURITY", "START LISTENER":
		return o.ignoreWhole(c)
	default:
		return s.words[0].errorf("the command %s %s is not known here", s.words[0].name, c.object.name)
	}
}

func (o *objects) ignoreWhole(c command) error {
	for _, w := range c.words {
		if !wholeIgnored[c.object.name][w.name] {
			return w.errorf("%s %s has no attribute %s", c.verb, c.object.name, w.name)
		}
	}
	o.ignore(c.object, c.verb, "")
	return nil
}

func (o *objects) ignore(object word, verb, attribute string) {
	entry := fmt.Sprintf("line %d: %s %s", object.line, verb, object)
	if attribute != "" {
		entry += " " + attribute
	}
	o.ignored = append(o.ignored, entry)
}

// name checks the object's name.
func (c *command) name(limit int) (string, error) {
	if !validName(c.object.value, limit) {
		return "", c.object.errorf("%q cannot be the name of an object", c.object.value)
	}
	return c.object.value, nil
}

// replaces says whether an existing object may be defined.
func (c *command) replaces() bool {
	return c.verb == "ALTER" || slices.ContainsFunc(c.words, func(w word) bool { return w.name == "REPLACE" })
}

// admits checks that the object exists, for ALTER, or does not, for DEFINE without REPLACE.
func (c *command) admits(exists bool) error {
	switch {
	case exists && !c.replaces():
		return c.object.errorf("%s exists; REPLACE is not given", c.object)
	case !exists && c.verb == "ALTER":
		return c.object.errorf("%s is not defined", c.object)
	}
	return nil
}

// rest reports the words that set took nothing from: known ones as ignored, others as errors.
func (o *objects) rest(c command, w word, ignored map[string]bool) error {
	switch {
	case w.name == "REPLACE" || w.name == "NOREPLACE":
	case ignored[w.name]:
		o.ignore(c.object, c.verb, w.String())
	default:
		return w.errorf("%s has no attribute %s", c.object.name, w.name)
	}
	return nil
}

func (o *objects) defineQueue(c command) error {
	name, err := c.name(queueNameLength)
	if err != nil {
		return err
	}
	q := o.queues[name]
	if err := c.admits(q != nil || o.otherwise(name)); err != nil {
		return err
	}
	attrs := defaultAttributes
	if q != nil && c.verb == "ALTER" {
		attrs = q.attrs
	}
	for _, w := range c.words {
		taken, err := attrs.set(w)
		if err == nil && !taken {
			err = o.rest(c, w, queueIgnored)
		}
		if err != nil {
			return err
		}
	}
	if q == nil {
		q = o.newQueue(name)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.attrs = attrs
	q.wakeAll() // a waiting get must learn that gets are inhibited now
	return nil
}

// otherwise says that name is a queue of another kind.
func (o *objects) otherwise(name string) bool {
	_, remote := o.remotes[name]
	_, alias := o.aliases[name]
	return remote || alias
}

// set takes one attribute of a local queue.
func (a *attributes) set(w word) (taken bool, err error) {
	switch w.name {
	case "MAXDEPTH":
		a.maxDepth, err = w.number(0, 999999999)
	case "MAXMSGL":
		a.maxLength, err = w.number(0, 100<<20)
	case "DEFPRTY":
		a.defPriority, err = w.number(0, highestPriority)
	case "PUT":
		a.putInhibited, err = w.choice("DISABLED", "ENABLED")
	case "GET":
		a.getInhibited, err = w.choice("DISABLED", "ENABLED")
	case "DEFSOPT":
		a.exclusive, err = w.choice("EXCL", "SHARED")
	case "DEFPSIST":
		a.defPersistent, err = w.choice("YES", "NO")
	case "MSGDLVSQ":
		a.fifo, err = w.choice("FIFO", "PRIORITY")
	case "USAGE":
		a.transmission, err = w.choice("XMITQ", "NORMAL")
	case "TRIGGER":
		a.triggered = true
	case "NOTRIGGER":
		a.triggered = false
	case "SHARE":
		a.noShare = false
	case "NOSHARE":
		a.noShare = true
	default:
		return false, nil
	}
	return true, err
}

func (w word) number(low, high int) (int, error) {
	n, err := strconv.Atoi(w.value)
	if err != nil || n < low || n > high {
		return 0, w.errorf("%s: need a number from %d to %d", w, low, high)
	}
	return n, nil
}

// choice is true for yes and false for no.
func (w word) choice(yes, no string) (bool, error) {
	if w.value != yes && w.value != no {
		return false, w.errorf("%s: need %s or %s", w, yes, no)
	}
	return w.value == yes, nil
}

func (o *objects) defineAlias(c command) error {
	name, err := c.name(queueNameLength)
	if err != nil {
		return err
	}
	target := o.aliases[name]
	_, remote := o.remotes[name]
	if err := c.admits(target != "" || remote || o.queues[name] != nil); err != nil {
		return err
	}
	for _, w := range c.words {
		switch w.name {
		case "TARGET", "TARGQ":
			target = w.value
		default:
			if err := o.rest(c, w, queueIgnored); err != nil {
				return err
			}
		}
	}
	if !validName(target, queueNameLength) {
		return c.object.errorf("%s needs TARGET", c.object)
	}
	o.aliases[name] = target
	return nil
}

func (o *objects) alterQueueManager(c command) error {
	for _, w := range c.words {
		var err error
		switch w.name {
		case "MAXMSGL":
			o.maxMessageLength, err = w.number(32<<10, 100<<20)
		case "MAXUMSGS":
			o.maxUncommitted, err = w.number(1, 999999999)
		case "CHLAUTH":
			o.authenticationOff, err = w.choice("DISABLED", "ENABLED")
		case "DEADQ":
			o.deadLetter = w.value
		case "DEFXMITQ":
			o.defaultTransmission = w.value
		default:
			err = o.rest(c, w, qmgrIgnored)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
