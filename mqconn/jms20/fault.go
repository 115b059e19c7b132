//go:build ibmmq && cgo

package jms20

import (
	"strconv"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"
	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// newFault completes f with what the library said. Its exceptions do not unwrap: the MQI's answer is
// the linked error, and the error code a text, which is a number for most failures, but also
// "AsyncPutFailure" or "MQJMS0004".
func newFault(ex jms20subset.JMSException, f mqconn.Fault) *mqconn.Fault {
	f.CompletionCode = mqi.MQCC_FAILED
	if r, ok := ex.GetLinkedError().(*mqi.MQReturn); ok {
		f.CompletionCode, f.Reason = r.MQCC, mqrc.Reason(r.MQRC)
		return &f
	}
	if n, err := strconv.Atoi(ex.GetErrorCode()); err == nil {
		f.Reason = mqrc.Reason(n)
		return &f
	}
	f.Reason, f.Err = mqrc.UnexpectedError, ex
	return &f
}

// fault makes the error of a call, and remembers that the connection is gone: every further call would
// say so again, but creating a message also prints it to standard output.
func (t *transport) fault(ex jms20subset.JMSException, f mqconn.Fault) error {
	if ex == nil {
		return nil
	}
	t.said = ex
	f.Bindings = t.info.Bindings
	fault := newFault(ex, f)
	if fault.Reason == mqrc.ConnectionBroken || fault.Reason == mqrc.HConnError {
		t.broken = fault.Reason
	}
	return fault
}

// gone is the fault of a call on a connection that is known to be broken.
func (t *transport) gone(f mqconn.Fault) error {
	if t.broken == mqrc.None {
		return nil
	}
	f.CompletionCode, f.Reason, f.Bindings = mqi.MQCC_FAILED, t.broken, t.info.Bindings
	return &f
}

func refuse(verb mqconn.Verb, queue string, r mqrc.Reason, err error) error {
	return &mqconn.Fault{Verb: verb, CompletionCode: mqi.MQCC_FAILED, Reason: r, Queue: queue, Err: err}
}
