// Command ocf is a complete OCF resource agent for Pacemaker that is itself the highly available
// file-transfer agent. Build it with the MQ client and install it on every node:
//
//	go build -tags ibmmq -o /usr/lib/ocf/resource.d/mqha/agent ./examples/ocf
//
//	pcs resource create payments ocf:mqha:agent name=PAYMENTS qm=QM1 'endpoint=mq.example.com(1414)' \
//	    state=/shared/payments read=/data/out write=/data/in \
//	    op monitor interval=10s op monitor interval=60s OCF_CHECK_LEVEL=10 op stop timeout=120s \
//	    meta migration-threshold=3 failure-timeout=15min
//
// The last line gives Pacemaker the restart policy of Microsoft's cluster service; its own defaults
// restart for ever and never forget. Put the resource behind the shared disk and the floating address in
// one group, and have fencing.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/jms20"
	"github.com/mqha/mqha/resource"
	"github.com/mqha/mqha/resource/ocf"
)

var metadata = ocf.Metadata{
	Name:  "agent",
	Short: "File-transfer agent on IBM MQ",
	Long: `Moves files as messages of IBM MQ. One instance is active, elected by a lock in the state directory, which
is on a disk that all nodes share or that moves with the agent. A queue manager that is away is no failure.`,
	Parameters: []ocf.Parameter{
		{Name: "name", Required: true, Unique: true, Short: "agent name", Long: "1 to 28 of A-Z 0-9 . _"},
		{Name: "state", Required: true, Unique: true, Short: "state directory", Long: "Directory for lock and journals, on the shared disk. It is never created."},
		{Name: "qm", Required: true, Short: "queue manager", Long: "Name of the queue manager"},
		{Name: "endpoint", Required: true, Short: "host(port)", Long: "Where the queue manager listens; several separated by ;"},
		{Name: "channel", Default: "MQHA.SVRCONN", Short: "channel", Long: "Server-connection channel"},
		{Name: "read", Short: "directories to send from", Long: "Directories below which files may be sent, separated by commas"},
		{Name: "write", Short: "directory to deliver to", Long: "Directory below which files are delivered"},
		{Name: "user", Short: "user", Long: "User for the queue manager; empty: that of the process"},
		{Name: "passwordfile", Short: "password file", Long: "File with the password, on this node's own disk, readable by root only. Parameters are visible to everybody who can read the cluster's configuration."},
		{Name: "drain", Kind: ocf.Duration, Default: "10s", Short: "time to drain", Long: "How long a stop brings transfers to a checkpoint; the stop operation's time-out should exceed it by 40 s"},
	},
	Start: 2 * time.Minute, Stop: 2 * time.Minute,
	Code: code,
}

func main() { ocf.Main(metadata, program) }

// code keeps the agent off every node only for what is wrong on every node. The user's password, certificates
// and the rights to files are this node's, and some of it passes by itself: a directory server may be slow after
// a failover. Pacemaker then tries the other node.
func code(err error) ocf.Code {
	var fault *mqconn.Error
	isFault := errors.As(err, &fault)
	switch {
	case ha.ExitCode(err) != 78:
		return ocf.Generic
	case errors.Is(err, mqconn.ErrNotBuilt), isFault && fault.Class == mqconn.NotHere:
		return ocf.Installed
	case isFault && !errors.Is(err, ha.ErrConfig):
		return ocf.Permission
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return ocf.Permission
	}
	return ocf.Configured
}

func program(v ocf.Values) (resource.Program, error) {
	password, err := readPassword(v.Text("passwordfile"))
	if err != nil {
		return resource.Program{}, &ocf.Error{Code: ocf.Installed, Err: err}
	}
	dialer, err := jms20.New(jms20.Options{
		QueueManager: v.Text("qm"), Channel: v.Text("channel"), User: v.Text("user"), Password: password,
	})
	if err != nil {
		return resource.Program{}, err
	}
	return programOn(v, dialer)
}

func programOn(v ocf.Values, dialer mqconn.Dialer) (resource.Program, error) {
	c := ha.Config{
		Name: v.Text("name"), StateDir: v.Text("state"), DrainTimeout: v.Duration("drain"),
		AfterLoss: ha.Exit, // the cluster decides where it runs next
		MQ:        mqconn.Config{Dialer: dialer, Endpoints: strings.Split(v.Text("endpoint"), ";")},
		OnEvent:   printEvent,
	}
	c.Transfer.WriteRoot = v.Text("write")
	if read := v.Text("read"); read != "" {
		c.Transfer.ReadRoots = strings.Split(read, ",")
	}
	agent, err := ha.New(c)
	if err != nil {
		return resource.Program{}, err
	}
	return agent.Program(), nil
}

func readPassword(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	return strings.TrimRight(string(text), "\r\n"), err
}

// printEvent writes a line of JSON for each event into the daemon's file "out".
func printEvent(ev ha.Event) {
	line, err := json.Marshal(map[string]any{"time": ev.Time, "code": ev.Code, "epoch": ev.Epoch, "text": ev.Text})
	if err != nil {
		line = []byte(err.Error())
	}
	fmt.Println(string(line))
}
