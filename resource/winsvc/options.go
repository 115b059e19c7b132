package winsvc

import "time"

// Options configure the host.
type Options struct {
	// ReadyAtStart says RUNNING when the Program begins and not when it is Ready: for one that may stand
	// by for weeks.
	ReadyAtStart bool
	// WaitHint is what the control manager is told of a pending state before the first Progress, and how
	// long it may wait for the next checkpoint; default, also for a negative one, 15 s. A Healthy check is asked three times as often.
	WaitHint time.Duration
	// ExitCode maps the Program's error to the service-specific exit code. Nil: 1 for any error.
	ExitCode func(error) int
	// OnError is told that the event log could not be written. Nil: nobody is.
	OnError func(error)
}

func (o Options) withDefaults() Options {
	if o.WaitHint <= 0 {
		o.WaitHint = 15 * time.Second
	}
	if o.ExitCode == nil {
		o.ExitCode = func(err error) int {
			if err != nil {
				return 1
			}
			return 0
		}
	}
	return o
}

// Config describes a service to Install.
type Config struct {
	Name        string // of the service, and of its source in the event log
	DisplayName string // default: Name
	Description string
	Executable  string   // default: this program's
	Args        []string // of the command line
	// Account runs the service: "DOMAIN\user", "DOMAIN\gmsa$" or "NT SERVICE\<Name>". It needs the right to
	// log on as a service and access to the shared disk and the queue manager; a cluster needs a domain
	// account, or a group-managed one, which has no password. Empty: LocalSystem.
	Account, Password string
	// Automatic starts the service at boot. Under a cluster it must be off.
	Automatic bool
	// Restart is how long to wait before the service is started again when it crashed or ended with an
	// error, one after the other; the last one repeats, and a day without an error forgets them. Under a
	// cluster it must be empty.
	Restart []time.Duration
	// PreShutdown is how long the system waits for the service when it shuts down; default 3 min.
	PreShutdown time.Duration
	// OnNode is another computer, on which the service is registered from here; the executable has to
	// be there, at the same path. Empty: this one. The event source is registered on this one only.
	OnNode string
}
