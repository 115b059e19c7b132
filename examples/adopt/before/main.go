//go:build ibmmq && cgo

// Command before ships orders until its connection breaks.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"
	"github.com/ibm-messaging/mq-golang-jms20/mqjms"

	"github.com/mqha/mqha/examples/adopt/orders"
)

func main() {
	host, port, _ := strings.Cut(strings.TrimSuffix(os.Getenv("MQ_ENDPOINT"), ")"), "(")
	number, err := strconv.Atoi(port)
	if err != nil {
		end(err)
	}
	factory := mqjms.ConnectionFactoryImpl{
		QMName: os.Getenv("MQ_QMGR"), Hostname: host, PortNumber: number, ChannelName: os.Getenv("MQ_CHANNEL"),
		UserName: os.Getenv("MQ_USER"), Password: os.Getenv("MQ_PASSWORD"),
	}
	context, ex := factory.CreateContextWithSessionMode(jms20subset.JMSContextSESSIONTRANSACTED)
	if ex != nil {
		end(ex)
	}
	err = orders.Ship(context)
	context.Close()
	end(err)
}

func end(err error) {
	fmt.Fprintln(os.Stderr, "before:", err)
	os.Exit(1)
}
