//go:build ibmmq && cgo

package orders

import "github.com/ibm-messaging/mq-golang-jms20/jms20subset"

// Ship moves orders from ORDERS to SHIPPING, each in a unit of work, and waits for more. It returns the first
// failure of the library.
func Ship(context jms20subset.JMSContext) error {
	orders, err := context.CreateConsumer(context.CreateQueue("ORDERS"))
	if err != nil {
		return err
	}
	defer orders.Close()
	shipping := context.CreateQueue("SHIPPING")
	for {
		order, err := orders.Receive(0) // without end
		if err != nil {
			return err
		}
		text := order.(jms20subset.TextMessage).GetText()
		note := context.CreateTextMessageWithString(*text)
		if err := note.SetJMSCorrelationID(order.GetJMSMessageID()); err != nil {
			return err
		}
		if err := note.SetStringProperty("department", text); err != nil {
			return err
		}
		if err := context.CreateProducer().Send(shipping, note); err != nil {
			return err
		}
		if err := context.Commit(); err != nil {
			return err
		}
	}
}
