package mqtest

import "github.com/mqha/mqha/mqconn/mqrc"

// MQSTS as MQSTAT returns it.
const (
	stsLength     = 280 // MQSTS_LENGTH_2
	stsVersion    = 4
	stsCompletion = 8
	stsReason     = 12
	stsSucceeded  = 16
	stsWarnings   = 20
	stsFailed     = 24
	stsObjectType = 28
	stsObject     = 32
	stsObjectQMgr = 80
)

type sts [stsLength]byte

// asyncPuts is what became of the puts with MQPMO_ASYNC_RESPONSE since somebody last asked with MQSTAT.
type asyncPuts struct {
	succeeded, failed int32
	first             mqrc.Reason // of the first that failed
	queue             string      // and where to
}

// noteAsync counts a put that is not answered. A persistent message that is missing from a unit of work spoils
// it: MQCMIT will back out (IBM MQ, "Putting messages asynchronously").
func (s *session) noteAsync(r mqrc.Reason, queue string, d *md, o *pmo) {
	if r == mqrc.None {
		s.async.succeeded++
		return
	}
	if s.async.failed++; s.async.failed == 1 {
		s.async.first, s.async.queue = r, queue
	}
	if o.options()&pmoSyncpoint != 0 && getLong(d[:], mdPersistence) == 1 {
		s.unit.spoiled = true
	}
}

func (s *session) status() (d sts, r mqrc.Reason) {
	r = s.call(verbStatus, 0, "", func() mqrc.Reason {
		copy(d[:], "STAT")
		putLong(d[:], stsVersion, 2)
		putLong(d[:], stsCompletion, completion(s.async.first))
		putLong(d[:], stsReason, int32(s.async.first))
		putLong(d[:], stsSucceeded, s.async.succeeded)
		putLong(d[:], stsFailed, s.async.failed)
		putLong(d[:], stsObjectType, objectQueue)
		putText(d[:], stsObject, queueNameLength, s.async.queue)
		putText(d[:], stsObjectQMgr, queueNameLength, s.qm.name)
		s.async = asyncPuts{}
		return mqrc.None
	})
	return d, r
}
