// Package ibmmq is a transport over IBM's own Go client, github.com/ibm-messaging/mq-golang: the MQI
// itself, verb by verb, with nothing of the Transport contract missing.
//
// # When to take this package, and when jms20
//
// Take this one unless you have a reason not to. It keeps queues open between messages (jms20 opens
// and closes one for each put), asks for exclusive input itself whatever the queue's definition says,
// names other queue managers in a put, tells user and backout count of a message, browses and gets by
// identifier from a queue that it holds, and reads into the caller's buffer. Take jms20 where a
// program uses mq-golang-jms20 already and is to have one client library.
//
// # What it needs
//
// mq-golang needs cgo and the C headers of the IBM MQ client even to compile, so that this package is
// only there when asked for:
//
//	CGO_ENABLED=1 go build -tags ibmmq
//
// with the IBM MQ client (the redistributable client, or a full installation) in /opt/mqm, or where
// CGO_CFLAGS and CGO_LDFLAGS say. Without the tag New returns an error that wraps mqconn.ErrNotBuilt.
//
// # What it promises
//
//   - A connection is used as it is. Automatic reconnection of the MQ client is switched off on every
//     connection, whatever mqclient.ini says: a client that reconnects by itself blocks calls for up
//     to half an hour, and hides that exclusive queues were lost in between. Package mqconn
//     reconnects.
//   - On a transacted connection puts are in syncpoint, and gets of persistent messages; gets of
//     non-persistent messages are not.
//   - Close backs out first, because MQDISC would commit.
//   - A completion code "warning" of a connect, an open, a put or a get means that it was done, and is
//     no error. A commit's warning is an error (2003: backed out).
//   - A put, a get, a commit and a backout make no allocation (TestPutAndGetDoNotAllocate), but for a body that outgrows the
//     caller's buffer, a user or reply queue that was not seen before on the connection, and an error. These four
//     verbs go to the MQI by a few lines of cgo of this package, from descriptors that the connection keeps; connect, open,
//     inquire, close and disconnect are mq-golang's. mq-golang 5.7.1, called as its samples do, makes 52 allocations,
//     3 KiB, for a put and a get. BenchmarkVersusLibrary measures both.
//   - Message properties of other programs are left out (MQGMO_NO_PROPERTIES), so that a body never
//     begins with an MQRFH2 header that the sender did not write.
//
// # What it does not
//
//   - A call inside the MQ client cannot be interrupted. Package mqconn gives up calls that do not
//     return.
//   - Info.MaxMessage is the smaller of Options.MaxMessage and the queue manager's MAXMSGL. A channel
//     or queue whose own MAXMSGL is lower refuses longer messages with 2010 or 2030, each of which
//     concerns that message alone.
//   - Without the authority to inquire on the queue manager (+inq), Info.QueueManager is the name that
//     was asked for, and Info.MaxMessage is Options.MaxMessage.
//   - What mq-golang does around those four verbs does not happen: its trace (MQIGO_TRACE) does not show them, and a program
//     that links its OpenTelemetry hooks gets no trace context into messages, nor out of them.
//   - TLS is a matter of the whole process: the MQ client keeps the key repository of its first TLS
//     connection until all are closed (2391).
package ibmmq
