package ha

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/transfer"
)

// pingTimeout is how long Ping waits if its context has no deadline: as ftePingAgent.
const pingTimeout = 5 * time.Second

// askAgain is when a ping or status is put again: it is not persistent, and neither is its answer.
const askAgain = 2 * time.Second

// replyExpiry is how long an answer waits for a client that may have gone.
const replyExpiry = time.Minute

// ErrNoAnswer matches *NoAnswerError.
var ErrNoAnswer = errors.New("ha: the agent did not answer")

// NoAnswerError says that no answer came in time: no instance is active, the agent cannot reach its
// queue manager, or this client cannot reach its own. A submit, cancel or stop that was put will be done as
// soon as there is an active instance; Submit with the same ID may be called again.
type NoAnswerError struct {
	Agent string
	After time.Duration
	Put   bool  // the command was put to the agent's queue, or may have been
	Err   error // the last trouble of the connection, or why the wait ended
}

func (e *NoAnswerError) Error() string {
	where := "the command was not put"
	if e.Put {
		where = "the command was or may have been put"
	}
	return fmt.Sprintf("ha: agent %s did not answer in %.3f seconds (%s): %v", e.Agent, e.After.Seconds(), where, e.Err)
}

// Is matches ErrNoAnswer.
func (e *NoAnswerError) Is(target error) bool { return target == ErrNoAnswer }

// Unwrap gives the last trouble.
func (e *NoAnswerError) Unwrap() error { return e.Err }

// Pong is an agent's answer to Ping.
type Pong struct {
	Agent    string
	Instance string // of the active one; Stop needs it
	Epoch    uint64
	Took     time.Duration // from the call of Ping, connecting included
	// Format is that of the agent's journals, and NewestFormat the one that they get by Finalise. 0: the agent has no
	// transfers, or is of a release that knows one format only.
	Format, NewestFormat int
}

// Client talks to an agent through its command queue. Each call uses a connection of its own, and
// several calls may run at once. The context of a call bounds all of it; a lost connection is dialled
// again within it.
//
// Errors of all calls: *NoAnswerError, *RefusedError, an error of the connection that is not worth
// another try (ExitCode tells which), the error of a context that was cancelled.
type Client struct {
	config mqconn.Config
	agent  string

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
	ctx    context.Context
	cancel context.CancelFunc
}

// NewClient makes a client of agent; it does no I/O. The queue manager of m is the agent's own, or one
// that knows MQHA.<AGENT>.CMD as a remote queue.
func NewClient(m mqconn.Config, agent string) (*Client, error) {
	if err := checkName(agent); err != nil {
		return nil, err
	}
	if _, err := mqconn.New(m); err != nil {
		return nil, &ConfigError{Text: "the configuration of the connection", Err: err}
	}
	m.Repeatable = true // a command is known by its correlation identifier, and put once
	ctx, cancel := context.WithCancel(context.Background())
	return &Client{config: m, agent: agent, ctx: ctx, cancel: cancel}, nil
}

// Close ends the calls that run and waits for them.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.calls.Wait()
	return nil
}

// Ping asks the active instance whether it is there. Without a deadline it waits for 5 s.
func (c *Client) Ping(ctx context.Context) (Pong, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, pingTimeout)
		defer cancel()
	}
	start := time.Now()
	a, err := c.ask(ctx, command{Command: pingCommand})
	if err != nil {
		return Pong{}, err
	}
	return Pong{Agent: a.Agent, Instance: a.Instance, Epoch: a.Epoch, Took: time.Since(start), Format: a.Format, NewestFormat: a.Newest}, nil
}

// Submit asks for a transfer and returns its ID when the agent has recorded it durably. An ID is drawn
// if r has none. Submitting the same ID again is harmless as long as the agent remembers the transfer, which it does until
// transfer.Options.KeepEnded others have ended after it: a program that must not submit twice draws it (transfer.NewID) and
// keeps it before the first try.
func (c *Client) Submit(ctx context.Context, r transfer.Request) (transfer.ID, error) {
	if r.ID == (transfer.ID{}) {
		r.ID = transfer.NewID()
	}
	a, err := c.ask(ctx, command{Command: submitCommand, Request: &r})
	if err == nil && a.Transfer != nil {
		return *a.Transfer, nil
	}
	return r.ID, err
}

// Status of a transfer; errors.Is transfer.ErrUnknown if the agent has none of that ID, or none any more
// (transfer.Options.KeepEnded).
func (c *Client) Status(ctx context.Context, id transfer.ID) (transfer.Status, error) {
	a, err := c.ask(ctx, command{Command: statusCommand, Transfer: &id})
	if err != nil {
		return transfer.Status{}, err
	}
	return a.statusOf()
}

func (a *reply) statusOf() (transfer.Status, error) {
	if a.Status == nil {
		return transfer.Status{}, fmt.Errorf("ha: agent %s answered without a status", a.Agent)
	}
	return *a.Status, nil
}

// Cancel gives up a transfer that the agent sends, and returns when that is durable there (transfer.Engine
// Cancel). Cancelling again is harmless. errors.Is transfer.ErrUnknown if the agent has none of that ID,
// transfer.ErrEnded if it has ended.
func (c *Client) Cancel(ctx context.Context, id transfer.ID) error {
	_, err := c.ask(ctx, command{Command: cancelCommand, Transfer: &id})
	return err
}

// Stop asks the named instance to stop (Ping tells its name) and returns when it has agreed to. An
// instance that is not active any more answers no more; its successor refuses the command and goes
// on: errors.Is ErrRefused.
func (c *Client) Stop(ctx context.Context, instance string, mode StopMode) error {
	_, err := c.ask(ctx, command{Command: stopCommand, Instance: instance, Mode: mode})
	return err
}

// Finalise ends the time in which an earlier release can take over: the agent writes its journals in the newest format
// that its release knows, and when Finalise returns that is durable (transfer.Engine Finalise). Again, it does nothing.
//
// A *RefusedError of RefusedStandby names instances of earlier releases that stand by. Those are seen that wait for the
// lock and share its directory; one that is down, or that stands back after a failure, is not, and neither is one of a
// release that does not announce itself: that no such one is left the operator must know. RefusedMalformed: the active
// instance itself is of a release that does not know the command.
func (c *Client) Finalise(ctx context.Context) error {
	_, err := c.ask(ctx, command{Command: finaliseCommand})
	return err
}

// ask puts a command and waits for its answer, in as many sessions as that takes.
func (c *Client) ask(ctx context.Context, cmd command) (a reply, err error) {
	q, err := c.question(cmd)
	if err != nil {
		return reply{}, err
	}
	err = c.run(ctx, func() bool { return q.put }, func(ctx context.Context, conn *mqconn.Conn) error {
		a, err = q.ask(ctx, conn)
		return err
	})
	return a, err
}

// run calls fn with a connection, and again with another when that is lost. put says whether a command was put, or may
// have been.
func (c *Client) run(ctx context.Context, put func() bool, fn func(context.Context, *mqconn.Conn) error) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.calls.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	connector, err := mqconn.New(c.config)
	if err != nil {
		return err
	}
	start := time.Now()
	err = connector.Run(ctx, func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "client", false)
		if err != nil {
			return err
		}
		return fn(ctx, conn)
	})
	if err != nil {
		return c.explain(ctx, err, connector.Status().LastError, time.Since(start), put())
	}
	return nil
}

func (c *Client) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errors.New("ha: the client is closed")
	}
	c.calls.Add(1)
	return nil
}

func (c *Client) explain(ctx context.Context, err, last error, after time.Duration, put bool) error {
	switch {
	case errors.Is(err, ErrRefused):
		return err // an answer, also when the time ended with it
	case c.ctx.Err() != nil:
		return errors.New("ha: the client was closed")
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		if last != nil {
			err = last
		}
		return &NoAnswerError{Agent: c.agent, After: after, Put: put, Err: err}
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return sayWhatIsMissing(err, CommandQueue(c.agent))
}

// question is one command on its way. It is put again in each session, and one that only asks every
// askAgain: every command may come twice, and the first answer is as good as the second.
type question struct {
	agent   string
	body    []byte
	lasting bool // must outlive the queue manager
	id      mqconn.ID
	put     bool
}

func (c *Client) question(cmd command) (*question, error) {
	cmd.Version, cmd.Agent = commandVersion, c.agent
	body, err := json.Marshal(cmd)
	if err != nil {
		return nil, fmt.Errorf("ha: the command cannot be written: %w", err)
	}
	return &question{agent: c.agent, body: body, lasting: cmd.lasting(), id: newCorrelationID()}, nil
}

func (q *question) ask(ctx context.Context, conn *mqconn.Conn) (reply, error) {
	answers := mqconn.Address{QueueManager: conn.Info().QueueManager, Queue: ReplyQueue(conn.Info().QueueManager)}
	wait := askAgain
	if q.lasting {
		wait = -1
	}
	for {
		if err := q.putOnce(ctx, conn, answers); err != nil {
			return reply{}, err
		}
		var got mqconn.Message
		err := conn.Get(ctx, answers.Queue, &got, mqconn.GetOptions{Wait: wait, CorrelationID: q.id})
		switch {
		case err == nil:
			return q.read(got.Body)
		case !errors.Is(err, mqconn.ErrNoMessage):
			return reply{}, err
		}
	}
}

// putOnce puts the command. One that only asks expires when it is asked again.
func (q *question) putOnce(ctx context.Context, conn *mqconn.Conn, answers mqconn.Address) error {
	m := mqconn.Message{CorrelationID: q.id, Body: q.body, Persistent: q.lasting, ReplyTo: answers}
	if !q.lasting {
		m.Expiry = askAgain
	}
	err := conn.Put(ctx, mqconn.Address{Queue: CommandQueue(q.agent)}, &m)
	var fault *mqconn.Error
	if err == nil || errors.As(err, &fault) && fault.Class == mqconn.OutcomeUnknown {
		q.put = true
	}
	return err
}

func (q *question) read(body []byte) (reply, error) {
	var a reply
	if err := json.Unmarshal(body, &a); err != nil {
		return reply{}, fmt.Errorf("ha: agent %s sent an answer that is not one: %w", q.agent, err)
	}
	if a.Version != commandVersion {
		return reply{}, fmt.Errorf("ha: agent %s answered in version %d, known here is %d", q.agent, a.Version, commandVersion)
	}
	if a.Refusal != "" {
		return reply{}, &RefusedError{Agent: q.agent, Instance: a.Instance, Refusal: a.Refusal, Text: a.Text}
	}
	return a, nil
}

// newCorrelationID draws 24 random bytes of which the last is not zero: mq-golang-jms20 cuts
// trailing zero bytes off, and then does not find the message.
func newCorrelationID() (id mqconn.ID) {
	for id[len(id)-1] == 0 {
		rand.Read(id[:]) // never fails: crypto/rand ends the process instead
	}
	return id
}
