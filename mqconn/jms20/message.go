//go:build ibmmq && cgo

package jms20

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"
	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

const expiryUnit = 100 * time.Millisecond

// sendTries bounds how often a message is made anew when its handle was deleted under it.
const sendTries = 4

// The properties for MQMD.Report and MQMD.Feedback. Each of the first two has the options of one kind of report alone, those for
// data included: what else is in the field cannot be read, so that it is not written either.
const (
	propertyArrival  = "JMS_IBM_Report_COA"
	propertyDelivery = "JMS_IBM_Report_COD"
	propertyFeedback = "JMS_IBM_Feedback"

	reportsArrival  = mqconn.Report(mqi.MQRO_COA_WITH_FULL_DATA)
	reportsDelivery = mqconn.Report(mqi.MQRO_COD_WITH_FULL_DATA)
	reports         = reportsArrival | reportsDelivery
)

var errReport = errors.New("mq-golang-jms20 can ask for reports of arrival and of delivery, and not for others nor for their identifiers")

var errRemote = errors.New("mq-golang-jms20 cannot name another queue manager: define a remote queue, and put to that")

// Put makes the library's message right before it is sent. The library deletes the message's handle
// at the first garbage collection after that, in use or not (2460: nothing was put), and then another
// message is made.
func (t *transport) Put(to mqconn.Address, m *mqconn.Message) error {
	at := mqconn.Fault{Verb: mqconn.VerbPut1, Queue: to.Queue, Syncpoint: t.dialed.Transacted}
	if err := t.gone(at); err != nil {
		return err
	}
	if err := t.acceptable(to, m); err != nil {
		return err
	}
	t.producer.SetDeliveryMode(deliveryMode(m.Persistent))
	t.producer.SetPriority(m.Priority)
	t.producer.SetTimeToLive(int((m.Expiry + expiryUnit - 1) / expiryUnit * expiryUnit / time.Millisecond))
	queue := t.context.CreateQueue(to.Queue)
	for try := 1; ; try++ {
		message := t.context.CreateBytesMessageWithBytes(m.Body)
		if m.CorrelationID != (mqconn.ID{}) {
			// 48 hex digits are the one form that the library takes as it is; it cannot fail.
			_ = message.SetJMSCorrelationID(hex.EncodeToString(m.CorrelationID[:]))
		}
		if m.ReplyTo.Queue != "" {
			_ = message.SetJMSReplyTo(t.context.CreateQueue(m.ReplyTo.Queue)) // always nil
		}
		if m.Report != 0 {
			_ = message.SetIntProperty(propertyArrival, int(m.Report&reportsArrival)) // a field of MQMD, which cannot fail
			_ = message.SetIntProperty(propertyDelivery, int(m.Report&reportsDelivery))
		}
		err := t.fault(t.producer.Send(queue, message), at)
		t.unit = t.dialed.Transacted
		if handleDeleted(err) {
			if try < sendTries {
				continue
			}
			err = t.probed(err)
		}
		if err != nil && !warning(err) { // a warning says that it was put
			return err
		}
		m.ID = parseID(message.GetJMSMessageID())
		return nil
	}
}

// acceptable refuses what the library would drop, shorten or print about.
func (t *transport) acceptable(to mqconn.Address, m *mqconn.Message) error {
	refuse := func(r mqrc.Reason, err error) error { return refuse(mqconn.VerbPut1, to.Queue, r, err) }
	foreign := func(a mqconn.Address) bool { return a.QueueManager != "" && a.QueueManager != t.info.QueueManager }
	switch {
	case foreign(to):
		return refuse(mqrc.UnknownRemoteQMgr, errRemote)
	case m.ReplyTo.Queue != "" && foreign(m.ReplyTo):
		return refuse(mqrc.UnknownRemoteQMgr, fmt.Errorf("reply to: %w", errRemote))
	case m.Report&^reports != 0:
		return refuse(mqrc.ReportOptionsError, errReport)
	case m.Expiry < 0 || m.Expiry > math.MaxInt32*time.Millisecond-expiryUnit:
		return refuse(mqrc.ExpiryError, errors.New("mq-golang-jms20 counts an expiry in 32-bit milliseconds, up to 24 days"))
	case m.Priority < 0:
		return refuse(mqrc.PriorityError, nil)
	}
	return nil
}

func deliveryMode(persistent bool) int {
	if persistent {
		return jms20subset.DeliveryMode_PERSISTENT
	}
	return jms20subset.DeliveryMode_NON_PERSISTENT
}

func handleDeleted(err error) bool {
	var f *mqconn.Fault
	return errors.As(err, &f) && f.Reason == mqrc.HMsgError
}

// probed asks whether the connection lives: a message handle that could not be made, because the
// connection is broken, gives 2460 too. No queue has the name that is asked for.
func (t *transport) probed(err error) error {
	_, asked := t.open("MQHA.PROBE.OF.THE.CONNECTION", "")
	var f *mqconn.Fault
	if errors.As(asked, &f) && mqconn.Classify(*f) == mqconn.Retry {
		return asked
	}
	return err
}

// adoptFrom is how long a body is, in bytes, that is worth not to be copied.
const adoptFrom = 64 << 10

// fillBody copies the body into m's own memory, because the library's is a part of the whole receive buffer, which it
// would keep. A long body that fills at least half of the buffer is taken as it is: the library has made the
// buffer for this message alone, and to copy it costs a quarter of the time of a get.
func fillBody(m *mqconn.Message, body []byte) {
	if len(body) >= adoptFrom && len(body) >= cap(body)/2 {
		m.Body = body
		return
	}
	m.Body = append(m.Body[:0], body...)
}

// fill makes a Message of the library's.
func fill(m *mqconn.Message, from jms20subset.Message, known mqconn.ID) error {
	switch from := from.(type) {
	case jms20subset.BytesMessage:
		fillBody(m, *from.ReadBytes())
	case jms20subset.TextMessage: // by its format; a program that is not ours may have put it
		m.Body = m.Body[:0]
		if text := from.GetText(); text != nil {
			m.Body = append(m.Body, *text...)
		}
	default:
		return fmt.Errorf("mq-golang-jms20 gave a message of type %T", from)
	}
	m.ID = parseID(from.GetJMSMessageID())
	m.CorrelationID = known
	if known == (mqconn.ID{}) {
		m.CorrelationID = correlationID(from.GetJMSCorrelationID())
	}
	m.Persistent = from.GetJMSDeliveryMode() == jms20subset.DeliveryMode_PERSISTENT
	m.Priority = from.GetJMSPriority()
	m.Expiry = max(0, time.Duration(from.GetJMSExpiration()-from.GetJMSTimestamp())*time.Millisecond)
	if from.GetJMSTimestamp() == 0 {
		m.Expiry = 0 // a message without a time says nothing about its end
	}
	m.ReplyTo = mqconn.Address{}
	if reply := from.GetJMSReplyTo(); reply != nil {
		m.ReplyTo.Queue = reply.GetDestinationName()
	}
	arrival, delivery := number(from, propertyArrival), number(from, propertyDelivery)
	m.Report, m.Feedback = mqconn.Report(arrival|delivery), mqconn.Feedback(number(from, propertyFeedback))
	m.UserID, m.BackoutCount = "", -1
	return nil
}

// number asks for a field of MQMD, which takes no call. Where the field is zero the library says, as an error too, that it
// cannot convert what is not there.
func number(from jms20subset.Message, property string) int {
	n, _ := from.GetIntProperty(property)
	return n
}

func parseID(text string) (id mqconn.ID) {
	_, _ = hex.Decode(id[:], []byte(text[:min(len(text), hex.EncodedLen(len(id)))]))
	return id
}

// correlationID turns what GetJMSCorrelationID says back into the 24 bytes. The library cuts
// trailing zero bytes; if what is left consists of hex digits it gives the bytes that these stand for,
// and else its own hex form. Where the text could be either it is taken for the second; only an
// identifier that was text of at most 12 characters, twice encoded or in capitals, comes out wrong.
func correlationID(text string) (id mqconn.ID) {
	bytes, err := hex.DecodeString(text)
	if err == nil && len(bytes) <= len(id) {
		copy(id[:], bytes)
		return id
	}
	copy(id[:], hex.EncodeToString([]byte(text)))
	return id
}

// reason is the reason code of a Fault.
func reason(err error) mqrc.Reason {
	var f *mqconn.Fault
	if errors.As(err, &f) {
		return f.Reason
	}
	return mqrc.None
}

func warning(err error) bool {
	var f *mqconn.Fault
	return errors.As(err, &f) && f.CompletionCode == mqi.MQCC_WARNING
}
