package lockfile

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// hello is the first line of a helper.
type hello struct {
	Helper    string `json:"helper"` // helperName
	Host      string `json:"host"`
	BootID    string `json:"bootId,omitempty"`
	Primitive string `json:"primitive"`
}

// helperName also carries the version of the protocol, which only Check and CheckHelper of one version speak.
const helperName = "mqha lockfile check 1"

// CheckHelper is the other process of a Check: a program calls it when it was started by Check's helper, and
// ends when it returns. It works in the current directory, which Check sets, on files that Check made
// there, as standard input says, and answers on standard output. It returns at the end of its input.
func CheckHelper() {
	if err := help(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "lockfile: check helper:", err)
	}
}

func help(in io.Reader, out io.Writer) error {
	self, err := identity("")
	if err != nil {
		return err
	}
	a, err := newActor(".")
	if err != nil {
		return err
	}
	answers := json.NewEncoder(out)
	err = answers.Encode(hello{helperName, self.Host, self.BootID, primitive})
	requests := json.NewDecoder(in)
	for err == nil {
		var q request
		if err = requests.Decode(&q); err == nil {
			err = answers.Encode(a.do(q))
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, a.close())
}

// helperProcess is a helper as Check sees it.
type helperProcess struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *json.Decoder
	hello   hello
	end     func() error // kills it and waits for its end; the first call counts
}

func startHelper(ctx context.Context, dir string, cmd *exec.Cmd) (*helperProcess, error) {
	if cmd == nil {
		return nil, errors.New("the helper function returned no command")
	}
	path, err := filepath.Abs(cmd.Path) // before Dir makes it mean something else
	if err != nil {
		return nil, err
	}
	cmd.Path, cmd.Dir = path, dir
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &helperProcess{cmd: cmd, in: in, answers: json.NewDecoder(bufio.NewReader(out))}
	p.end = sync.OnceValue(func() error {
		err := cmd.Process.Kill()
		cmd.Wait() // it reports the kill, as it should
		return err
	})
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	if err := p.answers.Decode(&p.hello); err != nil || p.hello.Helper != helperName {
		p.end()
		return nil, fmt.Errorf("the helper %s did not introduce itself; does it call CheckHelper, of the same version? (%v)", path, err)
	}
	return p, nil
}

// do asks the helper.
func (p *helperProcess) do(q request) reply {
	p.send(q)
	return p.receive()
}

func (p *helperProcess) send(q request) {
	line, err := json.Marshal(q)
	if err == nil {
		p.in.Write(append(line, '\n')) // if it is gone, receive tells
	}
}

func (p *helperProcess) receive() reply {
	var r reply
	if err := p.answers.Decode(&r); err != nil {
		return reply{Error: fmt.Sprintf("the helper is gone: %v", err)}
	}
	return r
}
