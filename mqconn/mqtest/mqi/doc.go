// Command mqi runs a program that is written for IBM MQ without IBM MQ: any test or program on
// mq-golang or mq-golang-jms20, against a C double of the client library and a queue manager for tests.
//
//	go run github.com/mqha/mqha/mqconn/mqtest/mqi -queues DEV.QUEUE.1 -- go test -tags ibmmq ./...
//
// It builds the double once into the user's cache directory with the system's C compiler, starts a queue
// manager of package mqtest, runs the command after "--" in an environment in which cgo finds the double
// and the program finds the queue manager, and exits with the command's code. Without a C compiler, or when
// the command cannot be started, it says so and exits with 2 (go run itself turns every code but 0 into 1 and
// prints it; a built mqi does not). The working directory must be in a module
// that uses mq-golang: the double is built for that version.
//
// # The environment of the command
//
//	CGO_ENABLED, CGO_CFLAGS, CGO_LDFLAGS    build against the double, which the built program then finds by its run path
//	MQSERVER               CHANNEL/TCP/host(port), as IBM's client reads it
//	MQHA_TEST_QMGR         name of the queue manager (flag -qmgr, default QM1)
//	MQHA_TEST_ENDPOINT     its address, host:port; local bindings (MQCNO_LOCAL_BINDING) also lead there
//	MQHA_TEST_CHANNEL      its server-connection channel (flag -channel)
//	MQHA_TEST_ADMIN        URL of the queue manager's admin port, with flag -admin (mqtest.QueueManager.Admin)
//	MQHA_TEST_USER, MQHA_TEST_PASSWORD      what flag -user gives, empty without it
//
// # Own work, for tests
//
// The headers in include and the library in libmqm are written for this repository. They are not IBM's
// files, copy nothing of them, and are never to be shipped or used in production. Names and layouts are those
// of IBM's public documentation of the MQI; every length and every version's offset is asserted when the
// library is compiled, against the constant table that mq-golang publishes under the Apache License 2.0. The
// constants themselves are read from that table at build time and are not in this repository. A program built
// here imports the verbs alone, so that the same binary can run on IBM's libmqm_r.
//
// # What the double does
//
// It forwards the MQI's calls to the queue manager, one socket a connection, and keeps message handles and
// properties itself. Handles of connections and messages are never used again: a stale one is 2018 or 2460. A
// second call while one is under way on a connection is 2219, or waits if the connection was made with
// MQCNO_HANDLE_SHARE_BLOCK. After a broken connection every call is 2009 until MQDISC. A queue manager that is
// silent for twice the channel's HBINT counts as gone.
//
// TLS is played by names: a channel with SSLCIPH refuses a client without cipher, and with SSLCAUTH(REQUIRED) one
// without certificate label (2393); a second configuration in one process is 2391. Nothing is encrypted.
//
// # What it does not
//
// These verbs and options answer MQRC_FUNCTION_NOT_SUPPORTED (2298): MQCB, MQCTL, MQSUB, MQSUBRQ, automatic
// reconnection (MQCNO_RECONNECT and MQCNO_RECONNECT_Q_MGR), channel tables (CCDTUrl), setting properties before or
// after the cursor, and putting with a handle to forward, reply or report. MQBEGIN is 2012, as in IBM's client. MQINQ
// knows the attributes that package mqtest has, MQSET those that inhibit puts and gets. MQSTAT tells of asynchronous
// puts only. Properties are given in handles only: a program that wants an MQRFH2 header gets none. Handles made with
// MQCNO_HANDLE_SHARE_NONE may be used from any thread. What package mqtest lacks is lacking here, too. The
// way to the queue manager is TCP, never a unix socket. Linux is
// tested; macOS should work; Windows is refused.
//
// FIDELITY.md says row by row what is assumed about a real queue manager, and has the command that compares.
package main
