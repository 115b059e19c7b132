// Package jms20 is a transport over github.com/ibm-messaging/mq-golang-jms20, IBM's JMS-like client
// for Go.
//
// Package ibmmq does more and copies less; its comment says when to take which. This one is for
// programs that use mq-golang-jms20 already. It is built with
//
//	CGO_ENABLED=1 go build -tags ibmmq
//
// and IBM's MQ client, which the library needs even to compile. Without the tag New returns an error
// that wraps mqconn.ErrNotBuilt.
//
// # Message code that is written for the library
//
// With the tag, Context gives a connection the face of the library, so that a program's message code goes on
// working inside of a Session as it is: unit of work, errors and end are those of the session.
// examples/adopt has a program before and after.
//
// # What it cannot do
//
// The library has no way to do these, and Info says so: name another queue manager in a put or in
// ReplyTo (define a remote queue; a foreign name is refused with 2087), tell the user and the backout
// count of a message (empty and -1), ask for exclusive input, and browse or get by identifier on a
// queue that is held. Reports are of arrival and of delivery alone, in a put as in a get; other options are refused with 2061,
// and the identifiers of a report are never passed on. On a transacted connection it cannot browse at all (2046). Getting by message and
// correlation identifier at once is refused with 2247. ReplyTo of a received message has no queue manager.
//
// Hold therefore needs a queue that is exclusive by its definition, DEFSOPT(EXCL) NOSHARE. It opens the
// queue, and then again on the same connection: if the second open is not refused with 2042 the queue
// could be shared, and Hold returns mqconn.ErrNotExclusive.
//
// On a transacted connection every get is in the unit of work, that of a non-persistent message too.
//
// # What it works round
//
// Version 1.13.1 of the library, read and run. Each row names the test of its remedy, or says why there
// is none. A test that is not of this package stands behind the name of its own.
//
//	 1  A message's handle is deleted at the next garbage collection, while the message is in use: 2460.
//	    A message is made right before it is sent, and made anew, up to 3 times, after 2460.
//	    TestPutSurvivesGarbageCollection, TestPutMakesTheMessageAnewWhenItsHandleWasDeleted
//	 2  2460 also hides a broken connection. An open of a queue that does not exist asks for the truth.
//	    TestBrokenConnectionBehindADeletedHandleIsTold
//	 3  A context is locked during a whole wait. One context for each connection, waits of at most 1 s.
//	    TestPutDoesNotWaitForAGetOfAnotherConnection
//	 4  Receive(0) waits for ever, and cannot be interrupted. Waits are rounded up to 1 ms.
//	    TestWaitIsNeverLongerThanASliceNorForEver
//	 5  That lock is also taken by a finalizer, so that a waiting get holds up every finalizer of the
//	    process for its slice. Nothing in a program may depend on finalizers. No test: it is the
//	    runtime's one goroutine, and the remedy is row 3.
//	 6  Failures are printed to standard output: when a message is made on a broken connection, and when
//	    a finalizer finds one broken. After the first 2009 or 2018 the library is not asked any more;
//	    the first, and finalizers, still print. A program whose standard output is data sets os.Stdout
//	    to os.Stderr, as examples/failover does. TestCallsOnABrokenConnectionDoNotReachTheLibrary
//	 7  log.Fatal ends the process for a foreign type of message or destination, and wrong settings are
//	    printed and dropped. Only the library's own types are passed, and settings are checked.
//	    TestWhatTheLibraryWouldDropOrPrintAboutIsRefused
//	 8  A failed connect returns a context too; a warning (2391, 2002) returns an error and a context
//	    that works. TestConnectionWithAWarningIsUsed
//	 9  A get that ends with a warning loses the message. On a transacted connection mqconn.ErrReopen
//	    ends the Session, which backs it out; otherwise it is lost, and the warning is returned. A put
//	    with a warning was done. TestMessageThatCameWithAWarningIsBackedOut, TestPutWithAWarningIsDone
//	10  The receive buffer is fixed with the connection, and allocated for each get. A longer message
//	    stays (2080). The buffer of the Dialer's next connections grows, and this connection is made
//	    again: at once if it has no unit of work, no held and no browsed queue, else by the end of the
//	    Session. Above Options.MaxMessage the message is at fault. TestLongMessageMakesTheBufferGrow,
//	    TestLongMessageReachesAHolderInTheNextSession, TestMessageLongerThanAllowedIsItsOwnFault
//	11  A body is a part of the whole receive buffer, and keeps all of it in memory. It is copied into the
//	    caller's, but for one of 64 KiB or more that fills at least half of the buffer, which is taken as it is.
//	    conformance: "the body's memory is used again", TestBodyDoesNotKeepALargerBuffer
//	12  The channel's longest message is 4 MiB whatever its definition. It is set from Options.
//	    TestReconnectionIsOff
//	13  Correlation identifiers are text, encoded or not. They are set, and asked for, as 48 hex digits.
//	    Reading is ambiguous: an identifier that consists of hex digits in capitals, or of the hex digits
//	    of hex digits, comes out changed, unless it was asked for. conformance: "identifiers of any form
//	    arrive", TestFormsOfCorrelationIdentifierThatAreLost
//	14  An expiry is cut to tenths of a second, 0 of which the queue manager refuses (2013), and overflows
//	    after 24 days. It is rounded up, and refused above. TestShortExpiryIsRoundedUp,
//	    TestWhatTheLibraryWouldDropOrPrintAboutIsRefused
//	15  Close backs out and disconnects without telling errors. A backout before it tells them.
//	    conformance: "a cut breaks every connection"
//	16  Close, like every call, may hang inside the MQ client. Package mqconn gives it up.
//	    mqconn: TestCloseThatHangsIsGivenUp, TestCallUnderWayWhenItsContextEnds
//	17  Objects are copies, which after Close go on using the number of a connection that may be
//	    another's by then. They are dropped, and calls after Close answer 2018 by themselves. A finalizer
//	    of a message may still use it; no test, because the test double never uses a number again.
//	    TestCallsOnABrokenConnectionDoNotReachTheLibrary
//	18  Reconnection of the MQ client can be switched on by mqclient.ini. It is switched off.
//	    TestReconnectionIsOff
//	19  The class of a message follows its format: what another program put as a string is read too.
//	    TestTextOfAnotherProgramIsRead
//	20  Error codes are text, and errors do not unwrap. Each becomes a *mqconn.Fault with the MQI's
//	    completion and reason codes. TestConnectFailuresKeepTheirReason
//	21  Every put is an MQPUT1, which opens and closes the queue. No remedy but package ibmmq.
//	22  The name of the queue manager cannot be asked for. Info gives Options.QueueManager, which the
//	    MQ client compares (2058). TestConnectFailuresKeepTheirReason
//	23  TLS is a matter of the whole process. No remedy, and no test: the test double has no TLS.
//	24  Asynchronous puts tell failures late or never; properties over 1024 bytes cannot be read. The
//	    transport uses neither, so that there is nothing to test. What message code that got a Context does
//	    with them is as on the library.
//	25  It browses in syncpoint on a transacted context, which IBM MQ refuses without a word (2046). The
//	    transport refuses it with the reason. TestBrowseOnATransactedConnectionIsRefused
//	26  Nothing reconnects, nothing tells of a lost connection, and no call takes a context. That is what
//	    package mqconn is for. TestLongMessageReachesAHolderInTheNextSession, TestEndOfTheSessionEndsAReceiveWithoutEnd,
//	    TestNothingIsLostAndNothingComesTwiceWithoutAReason
//	27  A connect to a host that does not answer hangs. Package mqconn gives it up, and what comes late is
//	    closed. TestConnectionThatComesAfterTheEndIsGivenBack
//	28  One unit of work for all consumers and producers of a context, and a commit that breaks does not say
//	    what it did (mqconn.OutcomeUnknown). One context for each connection. conformance: "the answer of a
//	    commit is lost", TestCommitWhoseAnswerIsLostIsUnknown
//	29  The acknowledging session mode gets outside of syncpoint: a message is gone when the program dies with
//	    it. That is what a connection that is not transacted is, on every transport; ask for a transacted one.
//	    conformance: "nothing is in syncpoint without a transaction"
//	30  Texts are not converted (no MQGMO_CONVERT). Bodies are bytes here, and pass as they are. conformance: "a
//	    message arrives as it was put"
//	31  Selectors know two equalities, and one of them at a time. Others than by identifier are not used.
//	    conformance: "gets by message and by correlation identifier", TestWhatTheLibraryWouldDropOrPrintAboutIsRefused
//	32  The factory has one host and port, no channel table, no key repository password and no peer name, and an
//	    application name in client mode alone. All connection options are made here. TestReconnectionIsOff,
//	    TestEveryOptionReachesTheConnection, TestCipherAndLabelReachTheChannel
//	33  An option of the factory for the longest message panics in bindings mode. It is not used.
//	    TestBindingsHaveNoChannel
//	34  The heartbeat interval is 1 s whatever is asked for, so that the channel's HBINT decides, 300 s by default:
//	    a vanished queue manager is noticed after up to twice that. No remedy but the channel's definition,
//	    HBINT(5), and no test: it concerns the real client.
//	35  SHARECNV(0) and values above 1 change how waits and heartbeats work. Define SHARECNV(1); no test, the test
//	    double has one socket for each connection.
//	36  The connection tag cannot be set, so that it cannot keep a second instance away. Hold does.
//	    conformance: "hold shuts out everybody else"
//	37  A quiescing queue manager is noticed by a connection that opens, gets or puts, not by an idle one. The
//	    slices of a waiting get notice it. conformance: "quiesce ends waits and refuses work"
//	38  A message that was received can be sent on by its own context alone (2460 elsewhere), and its properties are
//	    gone after a garbage collection. The transport makes a message of its own for each put; what a Context
//	    hands out has both limits, for received messages. TestPropertiesSurviveGarbageCollectionUntilTheSend
//	39  Memory and threads of the MQ client are not Go's: a waiting get keeps an operating system thread, which is
//	    not given back. The threads that calls given up keep are counted by mqconn.Status, and bounded.
//	    mqconn: TestDialsThatHangForEverDoNotTakeAllThreads
package jms20
