// Package mqlink carries the frames of package transfer over IBM MQ queues.
//
// An agent's frames arrive on the queue MQHA.<AGENT>.IN of its own queue manager. Elsewhere a
// remote queue definition of the same name leads there, so that a sender never names a queue
// manager. The queue is held exclusively while the Link lives: that fences an older instance of the
// agent, whose connection must be gone before a newer one gets anything.
//
// Two connections serve one Link. "in" is transacted, holds the input queue, gets and commits, and
// puts nothing. "out" is not transacted and puts everything. They are two because a client library
// that locks a connection while it waits for a message (mq-golang-jms20 does) would otherwise hold
// every acknowledgement up behind a get.
//
// # What it does not do
//
// It does not move messages away: a control frame whose backout count says that it has ended its receiver
// again and again is passed over by package transfer, which tells of it. mq-golang-jms20 does not tell the
// count, and there such a frame comes again for ever. It takes a defect of package transfer to make one: what cannot be
// read or makes no sense is settled at once, and a journal that cannot be written is not the fault of a
// frame. Should it happen all the same, stop the agent and take the first message off its queue: every
// control frame is sent again when its effect stays away.
//
// It does not receive a message that is longer than its connections take (Options.MaxMessage of the transport, MAXMSGL of the
// channel). The queue manager gives no other before it, and Receive returns an error of class mqconn.MessageFault each
// time, until the message has expired or is taken off the queue. So no peer's frames may be longer (FrameBytes of package
// transfer), nor MAXMSGL of the queue: the definitions that package ha writes, with the default of MaxMessage, allow none.
//
// It does not keep file data: those messages are not persistent, may be lost with a queue manager or
// a channel, are forgotten when nobody has got them for ten minutes (MQMD Expiry), and are asked for again by package
// transfer. It does not reconnect: a Link belongs to
// one mqconn.Session and ends with it.
package mqlink
