// Command agent is a complete highly available file-transfer agent for IBM MQ. Start it with the same
// arguments on every node that shares the directory given by -state:
//
//	agent -name SRC -qm QM1 -endpoint 'mq.example.com(1414)' -state /shared/SRC -read /data/out -write /data/in
//
// With -mqsc it writes the definitions that its queue manager needs instead: agent ... -mqsc | runmqsc QM1
// For that, name the agents that it sends to or gets files from, and where they are not on the same
// queue manager, theirs: -peer ROME -peer OSLO@QM2. With MQ_USER set it may put to their queues and no others.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/mqconn/jms20"
)

func main() {
	var c ha.Config
	o := jms20.Options{User: os.Getenv("MQ_USER"), Password: os.Getenv("MQ_PASSWORD")}
	flag.StringVar(&c.Name, "name", "", "agent `name`: 1 to 28 of A-Z 0-9 . _")
	flag.StringVar(&c.StateDir, "state", "", "`directory` for lock and journals, on a disk that all nodes share")
	flag.StringVar(&c.Transfer.WriteRoot, "write", "", "`directory` below which files are delivered")
	flag.StringVar(&o.QueueManager, "qm", "", "queue manager `name`")
	flag.StringVar(&o.Channel, "channel", "MQHA.SVRCONN", "server-connection channel")
	read := flag.String("read", "", "`directories` below which files may be sent, separated by commas")
	endpoints := flag.String("endpoint", "", "`host(port)` of the queue manager, several separated by ;")
	flag.Func("peer", "another agent, `NAME[@QM]`; may be repeated", func(peer string) error {
		name, qm, _ := strings.Cut(peer, "@")
		c.Definitions.Peers = append(c.Definitions.Peers, ha.Peer{Agent: name, QueueManager: qm})
		return nil
	})
	mqsc := flag.Bool("mqsc", false, "write the queue manager's definitions to standard output, and end")
	flag.Parse()
	if *read != "" {
		c.Transfer.ReadRoots = strings.Split(*read, ",")
	}
	c.MQ.Endpoints, c.Definitions.QueueManager, c.Definitions.User = strings.Split(*endpoints, ";"), o.QueueManager, o.User
	if *mqsc {
		end(c.MQSC(os.Stdout))
	}
	var err error
	if c.MQ.Dialer, err = jms20.New(o); err != nil {
		end(err)
	}
	run(c) // ha.Main, or what it does under systemd
}

func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(ha.ExitCode(err))
}
