package mqconn

// Report says what the sender of a message wants to be told about it by the queue managers on its way. The values are the
// bits of MQMD.Report; zero (MQRO_NONE, the default) asks for nothing.
//
// What is told comes as a message of its own to Message.ReplyTo, without which a put that asks for a report fails with 2027.
// It has the priority and the persistence of the message that it is about, no body unless it was asked for, and a Feedback
// that is not zero. Its CorrelationID is the ID of that message, and its ID is new, unless an option here says otherwise.
// It is part of the unit of work of its cause: it is there once the put, or the get, was committed.
type Report int32

// The options of Message.Report. Info.Reports says which of them a Transport takes; it refuses the others with 2061. The MQI's
// further options, such as those for data in a report (MQRO_COA_WITH_DATA), are used by their value.
const (
	ReportArrival           Report = 0x00000100 // MQRO_COA: it is on the queue that it was sent to
	ReportDelivery          Report = 0x00000800 // MQRO_COD: somebody has got it from there
	ReportExpiration        Report = 0x00200000 // MQRO_EXPIRATION: nobody got it before its Expiry
	ReportException         Report = 0x01000000 // MQRO_EXCEPTION: a channel could not put it where it was sent to
	ReportPassMessageID     Report = 0x00000080 // MQRO_PASS_MSG_ID: the report has the ID of the message
	ReportPassCorrelationID Report = 0x00000040 // MQRO_PASS_CORREL_ID: the report has the CorrelationID of the message
)

// Feedback is what a report tells, MQMD.Feedback: one of these, or else the reason code of an exception. Zero (MQFB_NONE) is in
// a message that is no report.
type Feedback int32

// The reports that queue managers make, apart from exceptions.
const (
	FeedbackExpiration Feedback = 258 // MQFB_EXPIRATION
	FeedbackArrival    Feedback = 259 // MQFB_COA
	FeedbackDelivery   Feedback = 260 // MQFB_COD
)
