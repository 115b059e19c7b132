package winsvc

import (
	"github.com/mqha/mqha/resource"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
)

// IsService reports whether this process was started by the control manager. When it was, call Run and
// nothing else.
func IsService() (bool, error) { return svc.IsWindowsService() }

// Run runs p as the service of this name and returns when it has stopped. A process runs one service. It
// fails when the process was not started by the control manager.
func Run(name string, p resource.Program, o Options) error {
	return svc.Run(name, &handler{name: name, program: p, options: o.withDefaults()})
}

type handler struct {
	name    string
	program resource.Program
	options Options
}

const accepts = svc.AcceptStop | svc.AcceptPreShutdown

// Execute is called by package svc on a goroutine of its own.
func (x *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, changes chan<- svc.Status) (bool, uint32) {
	log := openLog(x.name, x.options.OnError)
	defer log.close()
	h := &host{program: x.program, options: x.options, news: make(chan struct{}, 1), log: log.write,
		say: func(s status) { changes <- translate(s) }}
	controls, over := make(chan control), make(chan struct{})
	converted := make(chan struct{})
	go func() {
		defer close(converted)
		for {
			select {
			case r := <-requests:
				c := interrogate
				if r.Cmd == svc.Stop || r.Cmd == svc.PreShutdown || r.Cmd == svc.Shutdown {
					c = stopNow
				}
				select {
				case controls <- c:
				case <-over:
					return
				}
			case <-over:
				return
			}
		}
	}()
	code := h.execute(controls)
	close(over)
	<-converted
	return code != 0, uint32(code)
}

func translate(s status) svc.Status {
	states := map[state]svc.State{startPending: svc.StartPending, running: svc.Running, stopPending: svc.StopPending}
	out := svc.Status{State: states[s.state], CheckPoint: s.checkPoint, WaitHint: uint32(s.waitHint.Milliseconds())}
	if s.state == running {
		out.Accepts = accepts
	}
	return out
}

// log writes to the event log as far as it can: a service that cannot log still serves.
type log struct {
	events  *eventlog.Log // nil: cannot be opened
	onError func(error)
}

func openLog(source string, onError func(error)) *log {
	l := &log{onError: onError}
	var err error
	if l.events, err = eventlog.Open(source); err != nil {
		l.events = nil
		l.fail(err)
	}
	return l
}

func (l *log) fail(err error) {
	if err != nil && l.onError != nil {
		l.onError(err)
	}
}

// eventID is any of those that EventCreate.exe, the message file of the source, knows: 1 to 1000.
const eventID = 1

func (l *log) write(s severity, text string) {
	switch {
	case l.events == nil:
	case s == failure:
		l.fail(l.events.Error(eventID, text))
	default:
		l.fail(l.events.Info(eventID, text))
	}
}

func (l *log) close() {
	if l.events != nil {
		l.fail(l.events.Close())
	}
}
