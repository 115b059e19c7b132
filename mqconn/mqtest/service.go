package mqtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// service is the definition of a SERVICE.
type service struct {
	control              string // MANUAL, QMGR or STARTONLY
	server               bool   // SERVTYPE(SERVER)
	start, startArgument string // STARTCMD, STARTARG
	stop, stopArgument   string // STOPCMD, STOPARG
	stdout, stderr       string
}

// serviceCommand is START or STOP SERVICE.
type serviceCommand struct{ verb, name string }

// serviceRun is a server service that was started.
type serviceRun struct {
	pid   int
	ended chan struct{} // closed when the process has ended
	err   error         // valid then
}

// ServiceStatus is the state of a SERVICE.
type ServiceStatus struct {
	Name    string
	Running bool  // a server service whose process has not ended
	PID     int   // of a server service; zero: it was not started
	Err     error // why the last start or stop has failed, or how the process has ended
}

// ErrService matches every error of a service command.
var ErrService = errors.New("mqtest: service")

func (o *objects) defineService(c command) error {
	name, err := c.name(queueNameLength)
	if err != nil {
		return err
	}
	s, exists := o.services[name]
	if err := c.admits(exists); err != nil {
		return err
	}
	if c.verb == "DEFINE" {
		s = service{control: "MANUAL"}
	}
	for _, w := range c.words {
		if err := s.set(o, c, w); err != nil {
			return err
		}
	}
	o.services[name] = s
	return nil
}

var serviceIgnored = names("DESCR")

func (s *service) set(o *objects, c command, w word) (err error) {
	switch w.name {
	case "CONTROL":
		s.control, err = w.value, w.oneOf("MANUAL", "QMGR", "STARTONLY")
	case "SERVTYPE":
		s.server, err = w.choice("SERVER", "COMMAND")
	case "STARTCMD":
		s.start = w.value
	case "STARTARG":
		s.startArgument = w.value
	case "STOPCMD":
		s.stop = w.value
	case "STOPARG":
		s.stopArgument = w.value
	case "STDOUT":
		s.stdout = w.value
	case "STDERR":
		s.stderr = w.value
	default:
		err = o.rest(c, w, serviceIgnored)
	}
	return err
}

// String gives the attributes as MQSC reads them.
func (s service) String() string {
	return fmt.Sprintf("CONTROL(%s) SERVTYPE(%s) STARTCMD('%s') STARTARG('%s') STOPCMD('%s') STOPARG('%s') STDOUT('%s') STDERR('%s')",
		s.control, pick(s.server, "SERVER", "COMMAND"), quoted(s.start), quoted(s.startArgument), quoted(s.stop),
		quoted(s.stopArgument), quoted(s.stdout), quoted(s.stderr))
}

func (o *objects) commandService(c command) error {
	if _, ok := o.services[c.object.value]; !ok {
		return c.object.errorf("%s is not defined", c.object)
	}
	o.serviceCommands = append(o.serviceCommands, serviceCommand{c.verb, c.object.value})
	return nil
}

func (q *QueueManager) runServiceCommand(c serviceCommand) error {
	if c.verb == "START" {
		return q.startService(c.name)
	}
	return q.stopService(c.name)
}

// Services gives the state of every service, sorted by name.
func (q *QueueManager) Services() []ServiceStatus {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []ServiceStatus
	for _, name := range slices.Sorted(maps.Keys(q.objects.services)) {
		s := ServiceStatus{Name: name, Err: q.serviceErrors[name]}
		if run := q.services[name]; run != nil {
			s.PID, s.Running = run.pid, run.runs()
			if !s.Running && s.Err == nil {
				s.Err = run.err
			}
		}
		all = append(all, s)
	}
	return all
}

func (r *serviceRun) runs() bool {
	select {
	case <-r.ended:
		return false
	default:
		return true
	}
}

// startServices starts those that are to start with the queue manager. What fails is in Services: a queue
// manager runs without its services.
func (q *QueueManager) startServices() {
	for _, name := range q.servicesControlled("QMGR", "STARTONLY") {
		_ = q.startService(name)
	}
}

// stopServices stops those that are to stop with the queue manager.
func (q *QueueManager) stopServices() {
	for _, name := range q.servicesControlled("QMGR") {
		_ = q.stopService(name)
	}
}

func (q *QueueManager) servicesControlled(by ...string) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []string
	for _, name := range slices.Sorted(maps.Keys(q.objects.services)) {
		if slices.Contains(by, q.objects.services[name].control) {
			all = append(all, name)
		}
	}
	return all
}

func (q *QueueManager) startService(name string) error {
	s, run := q.service(name)
	if run != nil && run.runs() {
		return q.serviceError(name, errors.New("it runs already"))
	}
	if s.start == "" {
		return q.serviceError(name, nil)
	}
	cmd, files, err := q.serviceProgram(s, s.start, s.startArgument, 0)
	if err == nil {
		err = cmd.Start()
	}
	err = errors.Join(err, closeAll(files)) // the program has its own now
	if err != nil {
		return q.serviceError(name, err)
	}
	run = &serviceRun{pid: cmd.Process.Pid, ended: make(chan struct{})}
	// Nobody waits for this goroutine: a service that is left running outlives the queue manager, and must
	// not stay behind as a zombie while this process lives.
	go func() {
		run.err = cmd.Wait()
		close(run.ended)
	}()
	if s.server {
		q.mu.Lock()
		q.services[name] = run
		q.mu.Unlock()
	}
	return q.serviceError(name, nil)
}

// serviceTime bounds how long a stop command may take, and then how long the server that it stops.
const serviceTime = 30 * time.Second

// stopService runs STOPCMD. A service without one is left alone.
func (q *QueueManager) stopService(name string) error {
	s, run := q.service(name)
	if s.stop == "" {
		return q.serviceError(name, nil)
	}
	ctx, cancel := context.WithTimeout(context.Background(), serviceTime)
	defer cancel()
	pid := 0
	if run != nil {
		if pid = run.pid; !run.runs() {
			return q.serviceError(name, nil) // its process number may be somebody else's by now
		}
	}
	cmd, files, err := q.serviceProgram(s, s.stop, s.stopArgument, pid)
	if err == nil {
		err = runFor(ctx, cmd)
	}
	err = errors.Join(err, closeAll(files))
	if run != nil && err == nil {
		select {
		case <-run.ended:
		case <-ctx.Done():
			err = errors.New("the server still runs after its stop command")
		}
	}
	return q.serviceError(name, err)
}

// runFor runs a command and kills it when ctx ends.
func runFor(ctx context.Context, cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	return cmd.Wait()
}

func (q *QueueManager) service(name string) (service, *serviceRun) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.objects.services[name], q.services[name]
}

// serviceError notes what became of the last command.
func (q *QueueManager) serviceError(name string, err error) error {
	if err != nil {
		err = fmt.Errorf("%w %s: %w", ErrService, name, err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.serviceErrors[name] = err
	return err
}

// serviceProgram makes the command, with what stands in it between plus signs replaced.
func (q *QueueManager) serviceProgram(s service, program, arguments string, pid int) (*exec.Cmd, []*os.File, error) {
	inserts := strings.NewReplacer("+QMNAME+", q.name, "+MQ_SERVER_PID+", strconv.Itoa(pid), "+MQ_Q_MGR_DATA_PATH+", q.dir)
	cmd := exec.Command(inserts.Replace(program), splitArguments(inserts.Replace(arguments))...)
	var files []*os.File
	open := func(path string) (*os.File, error) {
		if path == "" {
			return nil, nil // discarded
		}
		file, err := os.OpenFile(inserts.Replace(path), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err == nil {
			files = append(files, file)
		}
		return file, err
	}
	out, err := open(s.stdout)
	if err != nil {
		return nil, files, err
	}
	problems, err := open(s.stderr)
	if err != nil {
		return nil, files, err
	}
	if out != nil {
		cmd.Stdout = out
	}
	if problems != nil {
		cmd.Stderr = problems
	}
	return cmd, files, nil
}

func closeAll(files []*os.File) error {
	var all []error
	for _, f := range files {
		all = append(all, f.Close())
	}
	return errors.Join(all...)
}

// splitArguments splits at blanks that do not stand between double quotes.
func splitArguments(s string) []string {
	var all []string
	var current strings.Builder
	quoting, some := false, false
	for _, r := range s {
		switch {
		case r == '"':
			quoting, some = !quoting, true
		case r == ' ' && !quoting:
			if some {
				all = append(all, current.String())
			}
			current.Reset()
			some = false
		default:
			current.WriteRune(r)
			some = true
		}
	}
	if some {
		all = append(all, current.String())
	}
	return all
}

// serviceScript writes the services so that MQSC reads them back.
func (o *objects) serviceScript() []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(o.services)) {
		lines = append(lines, fmt.Sprintf("DEFINE SERVICE('%s') %s REPLACE", name, o.services[name]))
	}
	return lines
}
