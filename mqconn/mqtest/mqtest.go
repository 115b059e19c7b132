package mqtest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// Options configure a queue manager.
type Options struct {
	// Name of the queue manager; default "QM1".
	Name string
	// Dir keeps definitions and persistent messages; it is made if missing. Empty: nothing
	// outlives the QueueManager.
	Dir string
	// MQSC is loaded at the start, after what Dir holds: use REPLACE.
	MQSC string
	// Users and their passwords. A client that gives a password must give one of these pairs, or is
	// refused with 2035; one that gives none is not checked (CHCKCLNT(OPTIONAL)). Nil: nobody is checked.
	Users map[string]string
	// Latency is waited before each answer over TCP, as a network would; default, and negative, none.
	Latency time.Duration
	// Second is how long a second lasts in the attributes of channels between queue managers: SHORTTMR, LONGTMR,
	// DISCINT, HBINT, and MRTMR and BATCHINT, which are in milliseconds. Default one second, negative is refused; with a
	// millisecond a test does not have to wait for a retry. Whatever it is, a silent queue manager is
	// given up after three real seconds at the earliest.
	Second time.Duration
}

// QueueManager is a running queue manager.
type QueueManager struct {
	name    string
	users   map[string]string
	latency time.Duration
	second  time.Duration
	ids     atomic.Uint64
	faults  faults
	bodies  bodies
	dir     string
	lock    *os.File    // of dir
	log     *messageLog // nil: no Dir

	quiesced *latch
	thawed   *latch
	stopping chan struct{}

	defining chan struct{} // capacity 1: the right to run MQSC

	mu       sync.Mutex
	objects  objects
	sessions map[*session]bool
	counts   map[connectionKind]int // connections ever made
	outage   *FaultRow              // nil: there is none
	last     int32                  // connection handle
	closing  bool
	stopped  bool
	servers  []*server
	ended    chan struct{} // closed when stopped

	// Channels between queue managers, by their names or ends.
	senders   map[string]*sender
	receivers map[syncKey]*receiver      // those that are connected
	received  map[syncKey]*ChannelStatus // of those that ever were
	sync      map[syncKey]syncState
	doubtful  map[string][]*message // what recovery has found in doubt, for the sender of that name
	channels  sync.WaitGroup        // goroutines of senders

	services      map[string]*serviceRun // server services that were started
	serviceErrors map[string]error       // of the last command
}

// Start starts a queue manager in this process.
func Start(o Options) (*QueueManager, error) {
	if o.Name == "" {
		o.Name = "QM1"
	}
	if o.Second < 0 {
		return nil, fmt.Errorf("mqtest: Options.Second cannot be %v", o.Second)
	}
	if !validName(o.Name, queueNameLength) {
		return nil, fmt.Errorf("mqtest: %q cannot be the name of a queue manager", o.Name)
	}
	q := &QueueManager{
		name:     o.Name,
		users:    o.Users,
		latency:  o.Latency,
		second:   cmp.Or(o.Second, time.Second),
		quiesced: newLatch(false),
		thawed:   newLatch(true),
		stopping: make(chan struct{}),
		ended:    make(chan struct{}),
		defining: make(chan struct{}, 1),
		sessions: make(map[*session]bool),
		counts:   make(map[connectionKind]int),

		senders:       make(map[string]*sender),
		receivers:     make(map[syncKey]*receiver),
		received:      make(map[syncKey]*ChannelStatus),
		sync:          make(map[syncKey]syncState),
		doubtful:      make(map[string][]*message),
		services:      make(map[string]*serviceRun),
		serviceErrors: make(map[string]error),
	}
	q.objects = newObjects(func(m *message) { q.log.forget(m) })
	q.ids.Store(rand.Uint64())
	if o.Dir != "" {
		if err := q.recover(o.Dir); err != nil {
			return nil, err
		}
	}
	if err := q.MQSC(o.MQSC); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	return q, nil
}

// New starts a queue manager for a test and ends it with the test.
func New(tb testing.TB, o ...Options) *QueueManager {
	tb.Helper()
	var options Options
	if len(o) > 0 {
		options = o[0]
	}
	q, err := Start(options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := q.Close(); err != nil {
			tb.Error(err)
		}
	})
	return q
}

// Depth is CURDEPTH of a queue: uncommitted puts are counted, uncommitted gets are not.
func (q *QueueManager) Depth(queue string) (int, error) {
	local, r := q.resolve(mqconn.Address{Queue: queue}, ooInquire)
	if r != mqrc.None {
		return 0, &mqconn.Fault{Verb: mqconn.VerbInquire, CompletionCode: 2, Reason: r, Queue: queue}
	}
	local.mu.Lock()
	defer local.mu.Unlock()
	return local.depth, nil
}

// Queues names the local queues, sorted.
func (q *QueueManager) Queues() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Sorted(maps.Keys(q.objects.queues))
}

// Handles counts open connections and the queues that are open for exclusive input.
func (q *QueueManager) Handles() (connections, held int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, local := range q.objects.queues {
		local.mu.Lock()
		if local.exclusive {
			held++
		}
		local.mu.Unlock()
	}
	return len(q.sessions), held
}

// endReason is what a call answers whose connection ended under it.
func (q *QueueManager) endReason() mqrc.Reason {
	if q.stops() {
		return mqrc.QMgrStopping
	}
	return mqrc.ConnectionBroken
}

// stops says that the queue manager is stopping in order.
func (q *QueueManager) stops() bool {
	select {
	case <-q.stopping:
		return true
	default:
		return false
	}
}

// Cut breaks every connection, as a network that fails: the clients see 2009, handles are released
// and units of work backed out; channels retry. New connections are welcome.
func (q *QueueManager) Cut() {
	q.faults.count(FaultCut)
	q.cutChannels()
	for _, s := range q.connected() {
		s.end()
	}
}

func (q *QueueManager) connected() []*session {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Collect(maps.Keys(q.sessions))
}

// connectRequest is what a client says of itself.
type connectRequest struct {
	queueManager string // empty: any
	application  string
	user         string
	password     string // empty: none given
	channel      string // empty: in process, or local bindings
	cipher       string // empty: no TLS
	label        string // of the client's certificate; empty: none
	longest      int    // message that the client takes; zero: as the channel
	library      Library
	host         string // of the client; empty: this one
	hangUp       func(orderly bool)
	gone         func() bool
}

func (q *QueueManager) connect(c connectRequest) (*session, mqrc.Reason) {
	if c.queueManager != "" && c.queueManager != "*" && c.queueManager != q.name {
		return nil, mqrc.QMgrNameError
	}
	if !q.awaitThaw(nil) {
		return nil, mqrc.QMgrNotAvailable
	}
	fault := q.faults.next(mqconn.VerbConnect, "")
	if fault.Delay > 0 {
		sleep(fault.Delay, q.ended)
	}
	switch {
	case fault.Break != Intact:
		return nil, mqrc.ConnectionBroken
	case fault.Reason != mqrc.None:
		return nil, fault.Reason
	case q.quiescing():
		return nil, mqrc.QMgrQuiescing
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return nil, mqrc.QMgrNotAvailable
	}
	if r := q.absent(c.hangUp != nil); r != mqrc.None {
		return nil, r
	}
	limit := q.objects.maxMessageLength
	if c.channel != "" {
		channel := q.objects.channels[c.channel]
		if channel == nil {
			return nil, mqrc.UnknownChannelName
		}
		if r := channel.admits(c); r != mqrc.None {
			return nil, r
		}
		var r mqrc.Reason
		if c.user, r = q.objects.authenticate(c); r != mqrc.None {
			return nil, r
		}
		limit = min(limit, channel.maxLength)
		if all, ofClient := q.instances(c.channel, c.host); all >= channel.maxInstances || ofClient >= channel.maxOfClient {
			return nil, mqrc.ChannelNotAvailable
		}
	}
	if password, known := q.users[c.user]; c.password != "" && q.users != nil && (!known || password != c.password) {
		return nil, mqrc.NotAuthorized
	}
	if c.longest > 0 {
		limit = min(limit, c.longest)
	}
	q.last++
	s := &session{
		qm: q, number: q.last, application: c.application, user: c.user, channel: c.channel,
		library: c.library, host: c.host,
		maxLength: limit, hangUp: c.hangUp, gone: c.gone,
		done: make(chan struct{}), handles: make(map[int32]*handle),
	}
	q.sessions[s] = true
	q.counts[s.kind()]++
	return s, mqrc.None
}

func (q *QueueManager) forget(s *session) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.sessions, s)
}

// bindingsHeartbeat stands in for what local bindings do not have: a process that ends is noticed at
// once there, and so it is here, because its socket closes.
const bindingsHeartbeat = 5

// heartbeat is that of a channel, in seconds.
func (q *QueueManager) heartbeat(channel string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if ch := q.objects.channels[channel]; ch != nil {
		return ch.heartbeat
	}
	return bindingsHeartbeat
}

func (q *QueueManager) maxMessageLength() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.objects.maxMessageLength
}

// Close stops in order: services that are to stop with the queue manager are stopped first; then waiting
// gets answer 2162, everything uncommitted is backed out, channels end, and no goroutine and no file is left
// when it returns, but for services that are left running. A second Close does nothing.
func (q *QueueManager) Close() error {
	q.mu.Lock()
	first := !q.closing && !q.stopped
	q.closing = true
	q.mu.Unlock()
	if first {
		q.stopServices()
	}
	return q.stop(false)
}

// Kill stops as kill -9 would: connections break, non-persistent messages are gone.
func (q *QueueManager) Kill() { _ = q.stop(true) }

// Ended is closed when the queue manager has been closed or killed.
func (q *QueueManager) Ended() <-chan struct{} { return q.ended }

func (q *QueueManager) stop(killed bool) error {
	q.mu.Lock()
	if q.stopped {
		q.mu.Unlock()
		return nil
	}
	q.stopped = true
	close(q.ended)
	q.mu.Unlock()
	if killed {
		q.faults.count(FaultKill)
	}
	if !killed {
		close(q.stopping)
	} else if q.log != nil {
		q.log.kill() // first: the ends below back out, and a crash does not count that
	}
	for _, s := range q.connected() {
		s.end()
	}
	for _, s := range q.servers { // complete: Serve adds none to a stopped queue manager
		s.stop()
	}
	q.stopSenders()
	return q.closeDir(killed)
}

func (q *QueueManager) closeDir(killed bool) error {
	if q.log == nil {
		return nil
	}
	var err error
	if !killed {
		err = q.log.close()
	}
	return errors.Join(err, q.lock.Close())
}
