package ha

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mqha/mqha/transfer"
)

// commandVersion is the only version of commands and answers so far.
const commandVersion = 1

// The commands.
const (
	pingCommand   = "ping"
	submitCommand = "submit"
	statusCommand = "status"
	cancelCommand = "cancel"
	stopCommand   = "stop"
	// An agent of a release without it refuses it as unknown. It does not outlive the queue manager: done late it would
	// end what an operator may want again by then.
	finaliseCommand = "finalise"
)

// StopMode says how to stop.
type StopMode string

const (
	// Controlled brings transfers to a checkpoint: nothing new is sent, and all that was received
	// becomes durable (Config.DrainTimeout). They go on at the successor.
	Controlled StopMode = "controlled"
	// Immediate suspends transfers at their last checkpoint.
	Immediate StopMode = "immediate"
)

// command is what a client asks, as JSON in one message.
type command struct {
	Version  int               `json:"version"`
	Command  string            `json:"command"`
	Agent    string            `json:"agent"`
	Instance string            `json:"instance,omitempty"` // stop
	Mode     StopMode          `json:"mode,omitempty"`     // stop
	Request  *transfer.Request `json:"request,omitempty"`  // submit
	Transfer *transfer.ID      `json:"transfer,omitempty"` // status, cancel
}

// lasting says that a command must outlive the queue manager, because its sender may not be there to put it
// again.
func (c *command) lasting() bool {
	return c.Command == submitCommand || c.Command == cancelCommand || c.Command == stopCommand
}

// reply is the answer. Instance and Epoch say who answered.
type reply struct {
	Version  int              `json:"version"`
	Command  string           `json:"command"`
	Refusal  Refusal          `json:"refusal,omitempty"`
	Text     string           `json:"text,omitempty"` // why refused
	Agent    string           `json:"agent"`
	Instance string           `json:"instance"`
	Epoch    uint64           `json:"epoch"`
	Transfer *transfer.ID     `json:"transfer,omitempty"`
	Status   *transfer.Status `json:"status,omitempty"`
	Format   int              `json:"format,omitempty"` // ping, finalise: of the journals; 0: none, or of a release without formats
	Newest   int              `json:"newest,omitempty"` // that this release knows
}

// Refusal is the stable code of a refused command.
type Refusal string

// The refusals.
const (
	RefusedVersion   Refusal = "version"          // the agent does not know this version of commands
	RefusedMalformed Refusal = "malformed"        // not a command, or parts are missing
	RefusedAgent     Refusal = "agent"            // the command names another agent
	RefusedInstance  Refusal = "instance"         // a stop for an instance that is not active any more
	RefusedTransfer  Refusal = "transfer"         // the agent has no transfers, or refuses this one
	RefusedUnknown   Refusal = "unknown-transfer" // the agent does not know this transfer
	RefusedEnded     Refusal = "ended"            // the transfer has ended, and cannot be cancelled
	RefusedBusy      Refusal = "busy"             // could not be made durable, several times: submit it again later
	RefusedFormat    Refusal = "format"           // needs a later format of the journals: finalise the upgrade first
	RefusedStandby   Refusal = "standby"          // a standby of an earlier release could not take over any more
)

// ErrRefused matches *RefusedError.
var ErrRefused = errors.New("ha: the agent refused the command")

// RefusedError is a refusal by the active instance.
type RefusedError struct {
	Agent    string
	Instance string
	Refusal  Refusal
	Text     string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("ha: agent %s (instance %s) refused: %s", e.Agent, e.Instance, e.Text)
}

// Is matches ErrRefused, and transfer.ErrUnknown, ErrEnded or ErrFormat if that is what the agent said.
func (e *RefusedError) Is(target error) bool {
	return target == ErrRefused || target == transfer.ErrUnknown && e.Refusal == RefusedUnknown ||
		target == transfer.ErrEnded && e.Refusal == RefusedEnded || target == transfer.ErrFormat && e.Refusal == RefusedFormat
}

// mover is what commands need of an engine.
type mover interface {
	Submit(ctx context.Context, r transfer.Request) (transfer.ID, error)
	Status(id transfer.ID) (transfer.Status, error)
	Cancel(ctx context.Context, id transfer.ID) error
	Finalise(ctx context.Context) error
	Format() int
}

var _ mover = (*transfer.Engine)(nil)

// responder answers commands for one instance in one epoch.
type responder struct {
	agent    string
	instance string
	epoch    uint64
	engine   mover // nil: no transfers
	lockFile string
}

// answer does what a command asks for and returns the answer. stop is the mode of a stop that is
// to begin after the answer was sent and the command has left its queue. An error means that the
// command must stay on its queue.
func (r *responder) answer(ctx context.Context, body []byte) (a reply, stop StopMode, err error) {
	a = reply{Version: commandVersion, Agent: r.agent, Instance: r.instance, Epoch: r.epoch}
	var c command
	if refusal, text := decode(body, &c); refusal != "" {
		a.Refusal, a.Text = refusal, text
		return a, "", nil
	}
	a.Command = c.Command
	if c.Agent != r.agent {
		return a.refuse(RefusedAgent, "this is agent %s, not %q", r.agent, c.Agent), "", nil
	}
	switch c.Command {
	case pingCommand:
		a = r.formats(a)
	case submitCommand:
		a, err = r.submit(ctx, a, c)
	case statusCommand:
		a = r.status(a, c)
	case cancelCommand:
		a, err = r.cancel(ctx, a, c)
	case stopCommand:
		a, stop = r.stop(a, c)
	case finaliseCommand:
		a, err = r.finalise(ctx, a)
	default:
		a = a.refuse(RefusedMalformed, "unknown command %q", c.Command)
	}
	return a, stop, err
}

// decode reads the version first: nothing else of another version means anything here.
func decode(body []byte, c *command) (Refusal, string) {
	var v struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(body, &v); err != nil || v.Version == nil {
		return RefusedMalformed, "the message is not a command: JSON with a version is expected"
	}
	if *v.Version != commandVersion {
		return RefusedVersion, fmt.Sprintf("commands of version %d are not known here, only of version %d", *v.Version, commandVersion)
	}
	if err := json.Unmarshal(body, c); err != nil {
		return RefusedMalformed, "malformed command: " + err.Error()
	}
	return "", ""
}

func (a reply) refuse(refusal Refusal, text string, args ...any) reply {
	a.Refusal, a.Text = refusal, fmt.Sprintf(text, args...)
	return a
}

func (r *responder) submit(ctx context.Context, a reply, c command) (reply, error) {
	switch {
	case r.engine == nil:
		return a.refuse(RefusedTransfer, "agent %s has no transfers: its Transfer.ReadRoots are empty", r.agent), nil
	case c.Request == nil || c.Request.ID == transfer.ID{}:
		return a.refuse(RefusedMalformed, "a submit needs a request with an id, so that it may come twice"), nil
	}
	id, err := r.engine.Submit(ctx, *c.Request)
	switch {
	case err == nil:
		a.Transfer = &id
		return a, nil
	case errors.Is(err, transfer.ErrRequest):
		return a.refuse(RefusedTransfer, "%v", err), nil
	case errors.Is(err, transfer.ErrFormat):
		return a.refuse(RefusedFormat, "%v", err), nil
	default:
		return a, err // not durable: another try, the next generation or the next instance does it
	}
}

func (r *responder) status(a reply, c command) reply {
	switch {
	case c.Transfer == nil:
		return a.refuse(RefusedMalformed, "a status command needs a transfer")
	case r.engine == nil:
		return a.refuse(RefusedUnknown, "agent %s has no transfers", r.agent)
	}
	s, err := r.engine.Status(*c.Transfer)
	switch {
	case errors.Is(err, transfer.ErrUnknown):
		return a.refuse(RefusedUnknown, "transfer %s is not known to agent %s", c.Transfer, r.agent)
	case err != nil:
		return a.refuse(RefusedTransfer, "%v", err)
	}
	a.Status = &s
	return a
}

func (r *responder) cancel(ctx context.Context, a reply, c command) (reply, error) {
	switch {
	case c.Transfer == nil:
		return a.refuse(RefusedMalformed, "a cancel command needs a transfer"), nil
	case r.engine == nil:
		return a.refuse(RefusedUnknown, "agent %s has no transfers", r.agent), nil
	}
	err := r.engine.Cancel(ctx, *c.Transfer)
	switch {
	case err == nil:
		a.Transfer = c.Transfer
		return a, nil
	case errors.Is(err, transfer.ErrUnknown):
		return a.refuse(RefusedUnknown, "transfer %s is not known to agent %s", c.Transfer, r.agent), nil
	case errors.Is(err, transfer.ErrEnded):
		return a.refuse(RefusedEnded, "%v", err), nil
	case errors.Is(err, transfer.ErrRequest):
		return a.refuse(RefusedTransfer, "%v", err), nil
	}
	return a, err // not durable: another try, the next generation or the next instance does it
}

// stop drops a command for another instance: it was delivered late, after that instance had ended,
// and must not stop the successor.
func (r *responder) stop(a reply, c command) (reply, StopMode) {
	switch {
	case c.Instance == "":
		return a.refuse(RefusedMalformed, "a stop names the instance that is to stop; Ping tells it"), ""
	case c.Mode != Controlled && c.Mode != Immediate:
		return a.refuse(RefusedMalformed, "stop mode %q: %s or %s", c.Mode, Controlled, Immediate), ""
	case c.Instance != r.instance:
		return a.refuse(RefusedInstance, "instance %s is not active any more; instance %s is, and goes on", c.Instance, r.instance), ""
	}
	return a, c.Mode
}
