package ocf

import (
	"fmt"
	"io"
	"os"

	"github.com/mqha/mqha/resource"
)

// Main performs the action that the command line names and ends the process with its exit code. program
// makes the Program of one resource, and is also how parameters are validated: it must start nothing,
// and its error should say what is wrong with which parameter; it counts as Configured unless it is an
// *Error. Messages go to standard error, where the cluster manager logs them.
func Main(m Metadata, program func(Values) (resource.Program, error)) {
	os.Exit(int(act(m.withDefaults(), program, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)))
}

func act(m Metadata, program func(Values) (resource.Program, error), args []string, getenv func(string) string, stdout, stderr io.Writer) Code {
	if len(args) != 1 {
		fmt.Fprintf(stderr, "usage: %s start|stop|monitor|meta-data|validate-all\n", m.Name)
		return Args
	}
	if args[0] == "meta-data" { // needs no parameters and no rights
		if err := m.write(stdout); err != nil {
			fmt.Fprintln(stderr, err)
			return Generic
		}
		return Success
	}
	a := action{Metadata: m, program: program, name: args[0], getenv: getenv, log: stderr}
	err := a.run()
	if err != nil {
		fmt.Fprintf(stderr, "%s: %s: %v\n", m.Name, args[0], err)
	}
	return codeOf(err, m.Code, Generic)
}

// action is one call by the cluster manager.
type action struct {
	Metadata
	program func(Values) (resource.Program, error)
	name    string
	getenv  func(string) string
	log     io.Writer
}

func (a *action) run() error {
	switch a.name {
	case "start", "stop", "monitor", "validate-all", daemonAction:
	default:
		return Errorf(Unimplemented, "there is no such action")
	}
	values, err := a.values(a.getenv)
	if err != nil {
		return a.tolerate(err)
	}
	p, err := a.program(values)
	if err != nil {
		return a.tolerate(&Error{Code: codeOf(err, a.Code, Configured), Err: err})
	}
	m := newMeeting(a.Metadata, values, a.getenv)
	if a.name == "validate-all" || a.name == "start" {
		if err := m.check(); err != nil || a.name == "validate-all" {
			return err
		}
	}
	return a.perform(m, p)
}

// tolerate: a resource whose parameters were spoilt while it runs must still be stopped and watched.
// Both need nothing but its name.
func (a *action) tolerate(err error) error {
	values := Values{Instance: a.getenv("OCF_RESOURCE_INSTANCE")}
	if values.Instance == "" || a.name != "stop" && a.name != "monitor" {
		return err
	}
	return a.perform(newMeeting(a.Metadata, values, a.getenv), resource.Program{})
}
