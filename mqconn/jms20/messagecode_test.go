//go:build ibmmq && cgo

package jms20

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"

	"github.com/mqha/mqha/mqconn"
)

// messageCode is what a program on mq-golang-jms20 does with a context, and writes down what it saw.
func messageCode(c jms20subset.JMSContext) (seen []string) {
	note := func(what string, values ...any) { seen = append(seen, what+fmt.Sprintf(" %+v", values)) }
	failed := func(what string, ex jms20subset.JMSException) {
		if ex != nil {
			note(what, ex.GetErrorCode(), ex.GetReason(), ex.GetLinkedError())
		}
	}
	a, reply := c.CreateQueue("A"), c.CreateQueue("B")
	p := c.CreateProducer().SetDeliveryMode(jms20subset.DeliveryMode_NON_PERSISTENT).SetTimeToLive(60000).SetPriority(6)
	note("producer", p.GetDeliveryMode(), p.GetTimeToLive(), p.GetPriority())

	text := c.CreateTextMessageWithString("hello")
	value := "gold"
	failed("string", text.SetStringProperty("customer", &value))
	failed("int", text.SetIntProperty("amount", 42))
	failed("double", text.SetDoubleProperty("rate", 1.5))
	failed("boolean", text.SetBooleanProperty("urgent", true))
	failed("bad name", text.SetIntProperty("not a name", 1))
	failed("correlation identifier", text.SetJMSCorrelationID("order 1"))
	failed("reply to", text.SetJMSReplyTo(reply))
	note("before the send", text.GetJMSMessageID(), text.GetJMSCorrelationID(), text.GetJMSTimestamp() > 0)
	amount, ex := text.GetIntProperty("amount")
	failed("ask", ex)
	note("amount", amount)
	failed("send", p.Send(a, text))
	note("identifier", len(text.GetJMSMessageID()), text.GetJMSPriority())
	failed("again", p.Send(a, text))
	failed("string body", p.SendString(a, "body alone"))
	failed("bytes", p.SendBytes(a, []byte{0, 1, 2}))
	failed("unknown queue", p.SendString(c.CreateQueue("NOWHERE"), ""))
	failed("too long", p.SendBytes(c.CreateQueue("SMALL"), make([]byte, 11)))
	failed("commit", c.Commit())

	browser, ex := c.CreateBrowser(a)
	failed("browse", ex)
	all, ex := browser.GetEnumeration()
	failed("enumerate", ex)
	for m, ex := all.GetNext(); m != nil; m, ex = all.GetNext() {
		failed("next", ex)
		_, isText := m.(jms20subset.TextMessage)
		note("browsed", isText)
	}
	browser.Close()

	consumer, ex := c.CreateConsumer(a)
	failed("consume", ex)
	for range 2 {
		m, ex := consumer.Receive(1000)
		failed("receive", ex)
		got := m.(jms20subset.TextMessage)
		names, ex := got.GetPropertyNames()
		failed("names", ex)
		slices.Sort(names)
		customer, ex := got.GetStringProperty("customer")
		failed("customer", ex)
		rate, ex := got.GetDoubleProperty("rate")
		failed("rate", ex)
		urgent, ex := got.GetBooleanProperty("urgent")
		failed("urgent", ex)
		there, ex := got.PropertyExists("nothing")
		failed("nothing", ex)
		_, ex = got.GetIntProperty("customer")
		failed("conversion", ex)
		note("received", *got.GetText(), names, *customer, rate, urgent, there, got.GetJMSCorrelationID(),
			got.GetJMSReplyTo().GetDestinationName(), got.GetJMSDeliveryMode(), got.GetJMSPriority(), got.GetJMSTimestamp() > 0,
			got.GetJMSExpiration() > got.GetJMSTimestamp())
		failed("clear", got.ClearProperties())
		names, ex = got.GetPropertyNames()
		failed("names", ex)
		note("cleared", names)
	}
	failed("rollback", c.Rollback())
	for range 2 {
		_, ex := consumer.ReceiveNoWait()
		failed("receive", ex)
	}
	_, ex = consumer.ReceiveBytesBodyNoWait() // of a text
	failed("not bytes", ex)
	body, ex := consumer.ReceiveBytesBody(10)
	failed("bytes", ex)
	note("bytes", body == nil || len(*body) == 3)
	none, ex := consumer.ReceiveStringBody(1)
	failed("nothing", ex)
	note("nothing", none == nil)
	failed("commit", c.Commit())
	consumer.Close()

	selected, ex := c.CreateConsumerWithSelector(a, "JMSCorrelationID = '"+strings.Repeat("0f", 24)+"'")
	failed("selector", ex)
	answer := c.CreateBytesMessageWithBytes([]byte("answer"))
	failed("correlation identifier", answer.SetJMSCorrelationID(strings.Repeat("0f", 24)))
	note("length", answer.GetBodyLength(), *answer.ReadBytes())
	failed("send", p.Send(a, c.CreateBytesMessage()))
	failed("send", p.Send(a, answer))
	failed("commit", c.Commit())
	m, ex := selected.ReceiveNoWait()
	failed("selected", ex)
	note("selected", string(*m.(jms20subset.BytesMessage).ReadBytes()))
	failed("send on", p.Send(reply, m))
	failed("commit", c.Commit())
	selected.Close()
	_, ex = c.CreateConsumerWithSelector(a, "JMSPriority = 4")
	failed("bad selector", ex)
	_, ex = c.CreateConsumer(c.CreateQueue("NOWHERE"))
	failed("unknown queue", ex)
	return seen
}

// The same code sees the same on the library's own context and inside a session.
func TestMessageCodeSeesTheSameAsOnTheLibrary(t *testing.T) {
	for _, transacted := range []bool{false, true} {
		compareMessageCode(t, transacted)
	}
}

func compareMessageCode(t *testing.T, transacted bool) {
	t.Helper()
	plainly := func() []string {
		_, d, endpoint := start(t, Options{})
		c, err := d.connect(mqconn.DialOptions{Endpoint: endpoint, Role: "test", Transacted: transacted})
		must(t, err)
		defer c.Close()
		return messageCode(c)
	}
	want := plainly()
	_, d, endpoint := start(t, Options{})
	follow(t, d, endpoint, func(ctx context.Context, s *mqconn.Session) error {
		conn, err := s.Open(ctx, "test", transacted)
		must(t, err)
		got := messageCode(mustContext(t, ctx, conn))
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("from line %d on the library's context saw\n%s\nthe session's\n%s", i, strings.Join(want[min(i, len(want)):], "\n"),
					strings.Join(got[min(i, len(got)):], "\n"))
			}
		}
		return conn.Commit(ctx) // the session lives
	})
}
