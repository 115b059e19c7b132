// Package mqha is the map of a library for highly available file-transfer agents on IBM MQ. It has no
// code of its own; each package below answers one question and can be used alone.
//
//	                 your program: ha.Main(ha.Config{...})
//	                                   |
//	+----------------------------------v-----------------------------------+
//	|  ha         how one instance becomes the active one, works, and      |
//	|             gives way to the next                                    |
//	+-----+----------------+-----------------+-----------------+-----------+
//	      |                |                 |                 |
//	  lockfile         resource          transfer           mqconn
//	  who is           what must be      files that         a connection
//	  active: a lock,  online, in which  arrive once and    that follows
//	  a lease,         order, and when   whole, and go on   the queue
//	  an epoch         to move           where they were    manager
//	                                         |                 |
//	                                   transfer/mqlink --------+
//	                                   frames over queues      |
//	                                                           |
//	  mqconn/jms20, mqconn/ibmmq: IBM MQ     mqconn/mqtest: a queue manager for tests
//
// Imports run downward only. Packages lockfile, resource, transfer and mqconn know nothing of each
// other; transfer/mqlink joins two of them and ha joins all. What decides in them are state machines
// in internal/core, which have no clock, no files and no network, so that a test can drive them through
// every order of events; the packages here do what those say.
//
// # Where to begin
//
// A program that moves files, or one that must run exactly once, begins with package ha; examples/agent
// is one on two pages. The command
//
//	go run ./examples/failover
//
// shows a transfer that survives SIGKILL of the sender, of the receiver and of the queue manager. For
// only a leader with a fencing epoch there is package lockfile; for only an MQ connection that comes
// back, package mqconn; for transfers over some other transport, package transfer with a Link.
//
// # What holds everywhere
//
// Options are one struct, passed by value: the zero value is the default, negative switches off, or is
// refused where nothing can be switched off. Events
// are typed and come in order from one goroutine. Errors that a program can act upon are sentinels, or
// types that match one. An epoch grows with each new active instance, is durable, and travels with what
// must not be done twice.
package mqha
