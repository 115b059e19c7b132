//go:build ibmmq && cgo

package ibmmq

/*
#cgo !windows,!aix         CFLAGS: -I/opt/mqm/inc -D_REENTRANT
#cgo aix                   CFLAGS: -I/usr/mqm/inc -D_REENTRANT
#cgo windows               CFLAGS: -I"C:/Program Files/IBM/MQ/Tools/c/include" -D_WIN64
#cgo !windows,!aix,!darwin LDFLAGS: -L/opt/mqm/lib64 -lmqm_r -Wl,-rpath,/opt/mqm/lib64 -Wl,-rpath,/usr/lib64
#cgo darwin                LDFLAGS: -L/opt/mqm/lib64 -lmqm_r -Wl,-rpath,/opt/mqm/lib64 -Wl,-rpath,/usr/lib64
#cgo aix                   LDFLAGS: -L/usr/mqm/lib64 -lmqm_r
#cgo windows               LDFLAGS: -L"C:/Program Files/IBM/MQ/bin64" -lmqm

#include <cmqc.h>

// A body is bytes, and not void *, so that cgo need not look for pointers around it.
static void put(MQHCONN connection, MQHOBJ object, MQMD *md, MQPMO *pmo, MQLONG length, MQBYTE *body,
                MQLONG *completion, MQLONG *reason) {
	MQPUT(connection, object, md, pmo, length, body, completion, reason);
}

static void get(MQHCONN connection, MQHOBJ object, MQMD *md, MQGMO *gmo, MQLONG size, MQBYTE *body,
                MQLONG *length, MQLONG *completion, MQLONG *reason) {
	MQGET(connection, object, md, gmo, size, body, length, completion, reason);
}
*/
import "C"

import (
	"unsafe"

	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// call is what the four verbs of the hot path share: descriptors, options, and what the MQI answers. mq-golang makes them
// anew for each call, which costs 52 allocations for a put and a get.
//
// It is Go memory without a Go pointer in it (the pointers of MQPMO are for distribution lists, and nil), so that C may have
// the addresses of its fields for the time of a call.
type call struct {
	md  C.MQMD
	pmo C.MQPMO
	gmo C.MQGMO

	length, completion, reason C.MQLONG

	// What each use begins with: a call leaves its answers in the descriptors.
	freshMD  C.MQMD
	freshPMO C.MQPMO
	freshGMO C.MQGMO
}

// newCall sets every field as mq-golang's NewMQMD, NewMQPMO, NewMQGMO and its copying to C do.
func newCall() *call {
	c := new(call)
	md, pmo, gmo := &c.freshMD, &c.freshPMO, &c.freshGMO

	setText(md.StrucId[:], "MD  ")
	md.Version = C.MQMD_VERSION_1
	md.Report = C.MQRO_NONE
	md.MsgType = C.MQMT_DATAGRAM
	md.Expiry = C.MQEI_UNLIMITED
	md.Feedback = C.MQFB_NONE
	md.Encoding = C.MQENC_NATIVE
	md.CodedCharSetId = C.MQCCSI_Q_MGR
	setText(md.Format[:], "        ") // MQFMT_NONE
	md.Priority = C.MQPRI_PRIORITY_AS_Q_DEF
	md.Persistence = C.MQPER_PERSISTENCE_AS_Q_DEF
	md.PutApplType = C.MQAT_NO_CONTEXT
	md.MsgSeqNumber = 1
	md.MsgFlags = C.MQMF_NONE
	md.OriginalLength = C.MQOL_UNDEFINED

	setText(pmo.StrucId[:], "PMO ")
	pmo.Version = C.MQPMO_VERSION_1
	pmo.Timeout = -1
	pmo.Action = C.MQACTP_NEW
	pmo.PubLevel = 9

	setText(gmo.StrucId[:], "GMO ")
	gmo.Version = C.MQGMO_VERSION_1
	gmo.WaitInterval = C.MQWI_UNLIMITED
	gmo.MatchOptions = C.MQMO_MATCH_MSG_ID | C.MQMO_MATCH_CORREL_ID
	gmo.GroupStatus = C.MQGS_NOT_IN_GROUP
	gmo.SegmentStatus = C.MQSS_NOT_A_SEGMENT
	gmo.Segmentation = C.MQSEG_INHIBITED
	gmo.Reserved1 = ' '
	gmo.ReturnedLength = C.MQRL_UNDEFINED
	return c
}

func (c *call) put(manager *mqi.MQQueueManager, object *mqi.MQObject, body []byte) {
	C.put(C.MQHCONN(manager.GetValue()), C.MQHOBJ(object.GetValue()), &c.md, &c.pmo,
		C.MQLONG(len(body)), (*C.MQBYTE)(unsafe.SliceData(body)), &c.completion, &c.reason)
}

// get gives the length of the message, which may be more than body has room for.
func (c *call) get(manager *mqi.MQQueueManager, object *mqi.MQObject, body []byte) int {
	C.get(C.MQHCONN(manager.GetValue()), C.MQHOBJ(object.GetValue()), &c.md, &c.gmo,
		C.MQLONG(len(body)), (*C.MQBYTE)(unsafe.SliceData(body)), &c.length, &c.completion, &c.reason)
	return int(c.length)
}

func (c *call) commit(manager *mqi.MQQueueManager) {
	C.MQCMIT(C.MQHCONN(manager.GetValue()), &c.completion, &c.reason)
}

func (c *call) backout(manager *mqi.MQQueueManager) {
	C.MQBACK(C.MQHCONN(manager.GetValue()), &c.completion, &c.reason)
}

// failed says that the last call was not done: a warning means that it was.
func (c *call) failed() bool { return c.completion == C.MQCC_FAILED }

// tooShort recognises 2080, a warning that leaves the message where it is.
func (c *call) tooShort() bool { return c.reason == C.MQRC_TRUNCATED_MSG_FAILED }

// deleted recognises 2052: the queue of the handle was dynamic, and is gone.
func (c *call) deleted() bool { return c.reason == C.MQRC_Q_DELETED }

// fault completes f with what the MQI said of the last call. It is ErrNoMessage for 2033.
func (c *call) fault(f mqconn.Fault) error {
	switch {
	case c.completion == C.MQCC_OK:
		return nil
	case c.reason == C.MQRC_NO_MSG_AVAILABLE:
		return mqconn.ErrNoMessage
	}
	failure := f // a copy, so that only a failure costs an allocation
	failure.CompletionCode, failure.Reason = int32(c.completion), mqrc.Reason(c.reason)
	return &failure
}

// octets is a field of characters as bytes.
func octets(field []C.MQCHAR) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(field))), len(field))
}

// setText fills a field of nulls, which the MQI takes for the end of a text, and cuts what does not fit, as mq-golang does.
func setText(field []C.MQCHAR, text string) { copy(octets(field), text) }
