//go:build ibmmq && cgo

package jms20

import (
	"testing"

	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn/mqtest"
)

// What a program changes of the connection options arrives at the queue manager, but for reconnection: the double would refuse it.
func TestLastWordOfTheProgramArrives(t *testing.T) {
	qm, _, endpoint := start(t, Options{})
	d, err := NewWithMQOptions(Options{QueueManager: "QM1", Channel: mqtest.DefaultChannel, AppName: "said by Options"}, func(cno *mqi.MQCNO) {
		cno.ApplName = "said by the program"
		cno.Options |= mqi.MQCNO_RECONNECT
	})
	must(t, err)
	dial(t, d, endpoint, false)
	want := mqtest.Connection{Application: "said by the program", Channel: mqtest.DefaultChannel, Host: "127.0.0.1", Library: mqtest.LibraryC}
	open := qm.Connections()
	if len(open) == 1 {
		want.User = open[0].User // whoever runs the test
	}
	if len(open) != 1 || open[0] != want {
		t.Errorf("connected are %+v, want %+v", open, want)
	}
}
