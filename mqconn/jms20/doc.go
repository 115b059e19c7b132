// Package jms20 is the place of a transport over github.com/ibm-messaging/mq-golang-jms20, IBM's
// JMS-like client for Go.
//
// It does not connect yet: in this version of the module the adapter is not written, and New always
// returns an error that wraps mqconn.ErrNotBuilt, so that no program waits for a connection that
// cannot come. The package exists so that programs can be written against it, and so that the version
// of the client library it will use is fixed.
//
// The client library needs cgo and IBM's C headers even to compile. A program that wants it is built
// with CGO_ENABLED=1, the IBM MQ client (redistributable client or full installation) and
//
//	go build -tags ibmmq
//
// Without the tag neither is needed.
package jms20

// Options name the queue manager and how to reach it.
type Options struct {
	QueueManager string
	Channel      string // server-connection channel
	AppName      string // up to 28 characters, shown by DISPLAY CONN
	User         string
	Password     string
}
