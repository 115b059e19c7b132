// Package adopt shows how a program on mq-golang-jms20 learns to follow its queue manager, without a change to
// its message code.
//
//	orders   the message code: what it was before, and is afterwards
//	before   the program as it was: it ends when its connection breaks
//	after    the program with package mqconn: it goes on where the queue manager is
//
// The difference of the two programs is who connects. Both read MQ_QMGR, MQ_ENDPOINT (host(port); after takes
// several with semicolons), MQ_CHANNEL, MQ_USER and MQ_PASSWORD, and are built with the tag ibmmq. The test runs both
// against a queue manager that is killed.
package adopt
