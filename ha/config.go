package ha

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/resource"
	"github.com/mqha/mqha/transfer"
	"github.com/mqha/mqha/transfer/mqlink"
	"go.uber.org/zap"
)

// Lease is the right to be active. Active.Lease.Err is the last thing to ask before an action that
// must not happen twice.
type Lease interface {
	Epoch() uint64                 // grows with each active instance
	Done() <-chan struct{}         // closed when the lease ended
	Err() error                    // nil while the lease is good; no I/O
	Verify(context.Context) error  // proves the lease by I/O, now
	Release(context.Context) error // for the agent; Work must not call it
}

var _ Lease = (*lockfile.Lease)(nil)

// LossAction says what an agent does after it stepped down without having been asked to.
type LossAction int

const (
	// Standby campaigns again, with a new epoch. After a failure of a resource or of Work it first waits
	// for RetryPeriodOnFailure, or until another instance has been active.
	Standby LossAction = iota
	// Exit returns the error from Run: for agents that a cluster manager starts.
	Exit
)

// Config configures an Agent. All instances of one agent have the same, apart from paths.
type Config struct {
	// Name of the agent: 1 to 28 of A-Z 0-9 . _, not beginning with a dot. It is part of the names
	// of its queues.
	Name string
	// StateDir is the directory for journals, on a disk that moves with the agent or that all
	// instances share. It is never created: a missing directory is a disk that is not mounted yet,
	// and is waited for.
	StateDir string
	// LockFile elects. Default: agent.lck in StateDir. Its directory is waited for, too.
	LockFile string
	// Before must be online to reach the lock, such as the disk that carries it; it stays online
	// while the agent stands by.
	Before []resource.Spec
	// Group must be online to be active, such as a floating address.
	Group []resource.Spec

	// MQ says how to connect. The agent sets Repeatable, because every frame and every command may come twice. Its
	// Logger is the agent's if it has none, and its OnEvent gets what it would get otherwise.
	MQ mqconn.Config
	// Transfer says what may be read and written; without ReadRoots and WriteRoot there are no
	// transfers. A missing WriteRoot is waited for as StateDir is; with Group, which may bring its disk
	// online, only when Group is, with the lease held: after 30 s the agent steps down
	// (*resource.FailoverError), and tries again 5 s later, or when another instance has been active.
	// StateDir must not lie below it.
	Transfer transfer.Options
	// Work is the program's own loop. It runs once a generation of connections, is cancelled at each
	// loss, and called again with the same epoch. It must end soon after its context. Nil while its
	// context lives says that there is nothing left to do: the agent steps down and Run returns
	// nil. An error counts as a failure of this node: a *resource.FailoverError.
	//
	// It is called again also after a commit whose outcome is not known, and then Active.Session.Unknown
	// tells: work that must not be done twice is looked for before it is repeated.
	Work func(context.Context, *Active) error

	// AfterLoss is what happens when the agent steps down without having been asked to. Default Standby.
	AfterLoss LossAction
	// HardStop is the last resort when something did not end in time after the lease was lost or
	// the agent was asked to stop: it should end the process. The error is an *OverrunError.
	// Nil: Run returns that error, with the lock kept. Main ends the process.
	HardStop func(error)
	// OnEvent gets every event, in order, from one goroutine. At most 4096 wait for it; beyond
	// that events are missing, and a CodeMissed in their place says how many.
	OnEvent func(Event)
	// Logger gets a line for each event. Nil: none.
	Logger *zap.Logger

	// FenceWait is how long queues that another connection still holds are waited for, before the
	// agent steps down. Default 10 s: a queue manager releases the queues of a vanished client after
	// 2 x HBINT, and MQSC writes HBINT(5).
	FenceWait time.Duration
	// DrainTimeout bounds how long a controlled stop brings transfers to a checkpoint. Default 10 s,
	// negative: not at all.
	DrainTimeout time.Duration
	// StopTimeout is how long Work, transfers and commands have to end when they are cancelled,
	// before HardStop. Default 30 s, at least 5 s, because a call inside the MQ client cannot be
	// interrupted. After the loss of the lease it is 5 s.
	StopTimeout time.Duration
	// YieldAfter is how long the active instance is without its queue manager, and a standby connected to it all
	// that time, before it steps down for that standby (*YieldError). A connection that breaks before the agent is active
	// (CodeActive) does not count as one. It campaigns again when another instance has
	// been active, or after YieldAfter. Default 30 s, or twice MQ.Max where that is longer; at least twice MQ.Max.
	// Negative: an active instance waits for its queue manager for ever, and a standby makes no connection.
	//
	// A standby that connects says so in LockFile.standbys. It opens no queue, is named standby, and counts for MAXINST; its
	// calls and dials have limits also where MQ sets none. What becomes of it are events of CodeReady, and none of MQ.OnEvent.
	// One that is stopped by its system keeps its word: whoever gives way to it is away for YieldAfter, and comes back. Each time
	// that one does not come, it has to be connected twice as long before it is given way to again, up to 64 times YieldAfter.
	YieldAfter time.Duration
	// RetryPeriodOnFailure is how long an instance does not campaign after a failure of Work or of its
	// journals; a resource has a period of its own in its Policy. The wait ends early when another
	// instance has been active. Default 1 h, as RetryPeriodOnFailure of Microsoft's cluster service.
	// Negative: until another instance has been active.
	RetryPeriodOnFailure time.Duration

	// Definitions is what MQSC needs to know beyond the above.
	Definitions Definitions
}

// Active is what Work gets: this epoch, and this generation of connections.
type Active struct {
	Lease   Lease
	Session *mqconn.Session
	Engine  *transfer.Engine // nil without transfers
}

// ErrConfig matches *ConfigError.
var ErrConfig = errors.New("ha: configuration")

// ConfigError is something that only a change of configuration can mend, here or in the queue
// manager. Trying again does not help.
type ConfigError struct {
	Text string // a sentence that says what to change
	Err  error  // the cause, or nil
}

func (e *ConfigError) Error() string {
	if e.Err == nil {
		return "ha: " + e.Text
	}
	return "ha: " + e.Text + ": " + e.Err.Error()
}

// Is matches ErrConfig.
func (e *ConfigError) Is(target error) bool { return target == ErrConfig }

// Unwrap gives the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// transfers says whether the agent moves files.
func (c *Config) transfers() bool { return len(c.Transfer.ReadRoots) > 0 || c.Transfer.WriteRoot != "" }

func (c *Config) journalDir() string { return filepath.Join(c.StateDir, "transfer") }

// electionDirs must be there before this instance may be elected. Where Group may bring the disk of
// WriteRoot online, only the elected instance can wait for it.
func (c *Config) electionDirs() []string {
	dirs := []string{filepath.Dir(c.LockFile), c.StateDir}
	if c.Transfer.WriteRoot != "" && len(c.Group) == 0 {
		dirs = append(dirs, c.Transfer.WriteRoot)
	}
	return dirs
}

// checkApart refuses journals below WriteRoot, where other agents may create files. Links count as what
// they point to, so that only the disk can tell. What cannot be read is left to the engine to report.
func (c *Config) checkApart() error {
	if c.Transfer.WriteRoot == "" {
		return nil
	}
	root, err := realPath(c.Transfer.WriteRoot)
	if err != nil {
		return nil
	}
	journals, err := realPath(c.journalDir())
	if err != nil {
		return nil
	}
	if rel, err := filepath.Rel(root, journals); err == nil && filepath.IsLocal(rel) {
		return &ConfigError{Text: fmt.Sprintf("Config.StateDir %s puts journals below Config.Transfer.WriteRoot %s, where other agents may create files: move one of them",
			c.StateDir, c.Transfer.WriteRoot)}
	}
	return nil
}

func realPath(p string) (string, error) {
	abs, err := filepath.Abs(p)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

func (c *Config) setDefaults() {
	if c.LockFile == "" && c.StateDir != "" {
		c.LockFile = filepath.Join(c.StateDir, "agent.lck")
	}
	c.Transfer.Name = c.Name
	setDefault(&c.FenceWait, 10*time.Second)
	setDefault(&c.DrainTimeout, 10*time.Second)
	setDefault(&c.StopTimeout, 30*time.Second)
	setDefault(&c.YieldAfter, max(30*time.Second, 2*c.longestDelay()))
	setDefault(&c.RetryPeriodOnFailure, time.Hour)
}

// longestDelay is between two tries to connect, as package mqconn has it by default.
func (c *Config) longestDelay() time.Duration { return max(cmp.Or(c.MQ.Max, time.Second), c.MQ.Min) }

func setDefault(d *time.Duration, to time.Duration) {
	if *d == 0 {
		*d = to
	}
}

// check reports everything that is wrong, at once.
func (c *Config) check() error {
	var all []error
	wrong := func(text string, args ...any) {
		all = append(all, &ConfigError{Text: fmt.Sprintf(text, args...)})
	}
	if err := checkName(c.Name); err != nil {
		all = append(all, err)
	}
	if c.StateDir == "" {
		wrong("Config.StateDir is empty: name a directory on the disk that the instances share")
	}
	if longest := mqlink.MaxFrame - transfer.HeaderBytes; c.Transfer.FrameBytes > longest {
		wrong("Config.Transfer.FrameBytes %d: at most %d goes through queues and channels of 4 MiB", c.Transfer.FrameBytes, longest)
	}
	if c.Transfer.Name != "" && c.Transfer.Name != c.Name {
		wrong("Config.Transfer.Name is %q and Config.Name is %q: leave Transfer.Name empty", c.Transfer.Name, c.Name)
	}
	if !c.transfers() && c.Work == nil {
		wrong("the agent has nothing to do: set Transfer.ReadRoots, Transfer.WriteRoot or Work")
	}
	if c.AfterLoss != Standby && c.AfterLoss != Exit {
		wrong("Config.AfterLoss is %d: set Standby or Exit", c.AfterLoss)
	}
	if c.FenceWait < 0 {
		wrong("Config.FenceWait is negative: the queues of a vanished client are released after 2 x HBINT")
	}
	if c.StopTimeout != 0 && c.StopTimeout < lossLimit {
		wrong("Config.StopTimeout is %v: at least %v, because a call inside the MQ client cannot be interrupted", c.StopTimeout, lossLimit)
	}
	if c.YieldAfter > 0 && c.YieldAfter < 2*c.longestDelay() {
		wrong("Config.YieldAfter is %v: at least %v, so that this instance has tried to connect, too (twice MQ.Max)", c.YieldAfter, 2*c.longestDelay())
	}
	return errors.Join(all...)
}

// checkName keeps names within what the names of the queues leave: MQHA.<name>.CMD has to fit the
// 48 characters of a queue name with room for longer suffixes, and MQ lets object names contain
// lower case and % and / too, which file systems and people mix up.
func checkName(name string) error {
	bad := strings.IndexFunc(name, func(r rune) bool {
		return !(r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_')
	})
	switch {
	case name == "":
		return &ConfigError{Text: "the agent has no name: set 1 to 28 of A-Z 0-9 . _"}
	case len(name) > 28:
		return &ConfigError{Text: fmt.Sprintf("the agent name %q has %d characters: at most 28 fit into the names of its queues", name, len(name))}
	case bad >= 0:
		return &ConfigError{Text: fmt.Sprintf("the agent name %q contains %q: only A-Z 0-9 . _ are allowed", name, []rune(name[bad:])[0])}
	case name[0] == '.':
		return &ConfigError{Text: fmt.Sprintf("the agent name %q begins with a dot", name)}
	}
	return nil
}
