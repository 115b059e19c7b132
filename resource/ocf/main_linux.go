package ocf

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/mqha/mqha/resource"
	"golang.org/x/sys/unix"
)

func (a *action) perform(m meeting, p resource.Program) error {
	switch a.name {
	case "start":
		return a.start(m)
	case "monitor":
		return a.monitor(m)
	case "stop":
		return a.stop(m)
	}
	return a.serve(m, p, announce)
}

// announcePipe is the descriptor on which a new daemon tells start that it can be asked.
const announcePipe = 3

// announce fails when start is gone. Whoever killed it may have called stop before this daemon had its
// lock, and believes that nothing runs here.
func announce() error {
	f := os.NewFile(announcePipe, "announce")
	_, err := f.Write([]byte{'.'})
	return errors.Join(err, f.Close())
}

func (a *action) start(m meeting) error {
	timeout := a.timeout(a.Start)
	ctx, cancel := context.WithTimeout(context.Background(), timeout-margin(timeout))
	defer cancel()
	err := a.bring(ctx, m)
	if err == nil || ctx.Err() == nil {
		return err
	}
	fate, endErr := m.abandon(margin(timeout))
	return errors.Join(fmt.Errorf("not ready within %v (%w): %s", timeout, err, fate), endErr)
}

// bring returns nil when a daemon is ready.
func (a *action) bring(ctx context.Context, m meeting) error {
	poll := time.NewTicker(pollDaemon)
	defer poll.Stop()
	var last error // what was heard of the daemon
	for launched := false; ; {
		pid, err := m.holder()
		switch {
		case err != nil:
			return err
		case pid == 0 && launched:
			return m.end()
		case pid == 0: // else it runs already, perhaps since a start that was killed
			err := m.launch(ctx)
			if pid, again := m.holder(); err != nil && (again != nil || pid == 0) {
				return err
			}
			launched = err == nil // else another start was faster; its daemon does for both
		}
		answer, err := m.follow(ctx, a.log)
		switch {
		case answer.State == ready:
			return nil
		case answer.State != "":
			last = errors.New(answer.words())
		case last == nil:
			last = err
		}
		select { // it is about to end, or another start's daemon has its lock and does not listen yet
		case <-poll.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return last
		}
	}
}

// abandon ends a daemon that is not ready in time: whoever starts it elsewhere must not meet it later.
func (m meeting) abandon(limit time.Duration) (fate string, err error) {
	all, cancel := context.WithTimeout(context.Background(), limit*5/6)
	defer cancel()
	gentle, cancelGentle := context.WithTimeout(all, limit*2/3)
	defer cancelGentle()
	_ = m.tellToStop(limit / 4) // else it is killed
	if m.awaitEnd(gentle) == nil {
		return "told to stop", nil
	}
	return "killed", errors.Join(m.kill(), m.awaitEnd(all))
}

// end tells how the daemon that was started last has ended.
func (m meeting) end() error {
	var r reply
	text, err := os.ReadFile(m.farewell())
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil { // killed, or crashed
		return fmt.Errorf("the daemon died%s", m.lastWords())
	}
	return &Error{Code: max(r.Code, Generic), Err: errors.New(r.words())}
}

func (r reply) words() string {
	for _, s := range []string{r.Error, r.Progress, r.State} {
		if s != "" {
			return s
		}
	}
	return "no answer"
}

// launch starts the daemon and waits until it can be asked.
func (m meeting) launch(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(m.dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(m.dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	out, err := m.openOut()
	if err != nil {
		return err
	}
	defer out.Close()
	m.shift(out)
	if err := os.Remove(m.farewell()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := r.SetReadDeadline(deadline); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	cmd := exec.Command(exe, daemonAction)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = "/", out, out, []*os.File{w}
	// A session of its own: the cluster manager kills the process group of an action that takes too long.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return err
	}
	_, err = r.Read(make([]byte, 1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		<-ctx.Done() // the pipe may notice an instant before
		// Not by the lock, which it may not have taken. Its number is its own until it is waited for.
		err = errors.Join(errors.New("the daemon was silent and was killed"), unix.Kill(-cmd.Process.Pid, unix.SIGKILL))
		_ = cmd.Wait() // says that it was killed
		return err
	case err != nil:
		return errors.Join(errors.New("the daemon ended at once"), m.end(), cmd.Process.Release())
	}
	return cmd.Process.Release()
}

// follow returns the daemon's state when it is ready or has ended.
func (m meeting) follow(ctx context.Context, log io.Writer) (last reply, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", m.socket())
	if err != nil {
		return last, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return last, err
		}
	}
	if err := send(conn, request{Ask: "follow"}); err != nil {
		return last, err
	}
	for lines := bufio.NewReader(conn); ; {
		next, err := receive(lines)
		if err != nil {
			<-afterDeadline(ctx, err)
			return last, err
		}
		if next.Progress != "" && next.Progress != last.Progress {
			fmt.Fprintln(log, next.Progress)
		}
		last = next
		if last.State == ready || last.State == ended {
			return last, nil
		}
	}
}

// afterDeadline: the connection may notice an instant before the context that time is over.
func afterDeadline(ctx context.Context, err error) <-chan struct{} {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ctx.Done()
	}
	done := make(chan struct{})
	close(done)
	return done
}

func send(conn net.Conn, r request) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = conn.Write(append(line, '\n'))
	return err
}

func receive(r *bufio.Reader) (reply, error) {
	var answer reply
	line, err := r.ReadBytes('\n')
	if err != nil {
		return answer, err
	}
	return answer, json.Unmarshal(line, &answer)
}

// ask is one question and its answer.
func (m meeting) ask(q request, limit time.Duration) (reply, error) {
	conn, err := net.DialTimeout("unix", m.socket(), limit)
	if err != nil {
		return reply{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return reply{}, err
	}
	if err := send(conn, q); err != nil {
		return reply{}, err
	}
	return receive(bufio.NewReader(conn))
}

// tellToStop has the daemon stop in good order. One that cannot be asked, because its socket was removed or
// it has no descriptor to spare, gets SIGTERM, which means the same; the error says so.
func (m meeting) tellToStop(limit time.Duration) error {
	_, err := m.ask(request{Ask: "stop"}, limit)
	if err == nil {
		return nil
	}
	return errors.Join(err, m.signal(unix.SIGTERM))
}

func (a *action) monitor(m meeting) error {
	notRunning := Errorf(NotRunning, "not running")
	pid, err := m.holder()
	switch {
	case err != nil:
		return err
	case pid == 0:
		return notRunning
	}
	timeout := a.timeout(a.Monitor)
	limit := timeout - margin(timeout)
	level, _ := strconv.Atoi(a.getenv("OCF_CHECK_LEVEL")) // not set: 0
	answer, err := m.ask(request{Ask: "status", Level: level, Limit: limit - margin(limit)}, limit)
	if err != nil {
		if pid, again := m.holder(); again == nil && pid == 0 {
			return notRunning // it ended meanwhile
		}
		return fmt.Errorf("process %d runs, but does not answer: %w", pid, err)
	}
	switch {
	case answer.State == ready && answer.Error == "":
		return nil
	case answer.State == ended:
		return notRunning
	}
	return errors.New(answer.words())
}

func (a *action) stop(m meeting) error {
	timeout := a.timeout(a.Stop)
	all, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	gentle, cancelGentle := context.WithTimeout(all, timeout-margin(timeout))
	defer cancelGentle()
	pid, err := m.holder()
	if err != nil || pid == 0 {
		return err
	}
	if err := m.tellToStop(margin(timeout)); err != nil {
		fmt.Fprintf(a.log, "process %d does not answer: %v\n", pid, err)
	}
	if m.awaitEnd(gentle) == nil {
		return nil
	}
	fmt.Fprintf(a.log, "process %d did not stop in time: it is killed\n", pid)
	if err := m.kill(); err != nil {
		return err
	}
	return m.awaitEnd(all)
}
