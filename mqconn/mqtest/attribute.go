package mqtest

import (
	"slices"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// Selectors of MQINQ and MQSET (MQIA_* and MQCA_*): those of numbers go up to 2000, those of texts from 2001.
const (
	inquireCharSet         = 2
	inquireDepth           = 3
	inquireDefInputOption  = 4
	inquireDefPersistence  = 5
	inquireDefPriority     = 6
	inquireDefinitionType  = 7
	inquireInhibitGet      = 9
	inquireInhibitPut      = 10
	inquireUsage           = 12
	inquireMaxMsgLength    = 13
	inquireMaxPriority     = 14
	inquireMaxDepth        = 15
	inquireDeliverySeq     = 16
	inquireOpenInputCount  = 17
	inquireOpenOutputCount = 18
	inquireQueueType       = 20
	inquireShareability    = 23
	inquireSyncpoint       = 30
	inquirePlatform        = 32
	inquireMaxUncommitted  = 33

	inquireQueueManagerName = 2015
	inquireQueueName        = 2016

	firstText  = 2001
	platformX  = 3 // MQPL_UNIX
	localQueue = 1 // MQQT_LOCAL
	predefined = 1 // MQQDT_PREDEFINED
	byPriority = 0 // MQMDS_PRIORITY
	byArrival  = 1 // MQMDS_FIFO
)

// inquire answers attributes of a queue, or of the queue manager: numbers first, then texts.
func (s *session) inquire(number int32, selectors []int32) (values []int32, texts []string, reason mqrc.Reason) {
	reason = s.call(mqconn.VerbInquire, number, "", func() mqrc.Reason {
		h := s.handles[number]
		switch {
		case h == nil:
			return mqrc.HObjError
		case h.options&ooInquire == 0:
			return mqrc.NotOpenForInquire
		}
		for _, selector := range selectors {
			v, text, ok := s.attribute(h, selector)
			switch {
			case !ok:
				return selectorError
			case selector >= firstText:
				texts = append(texts, text)
			default:
				values = append(values, v)
			}
		}
		return mqrc.None
	})
	return values, texts, reason
}

func (s *session) attribute(h *handle, selector int32) (value int32, text string, ok bool) {
	switch {
	case h.queue == nil && selector == inquireQueueManagerName:
		return 0, s.qm.name, true
	case h.queue != nil && selector == inquireQueueName:
		return 0, h.queue.name, true
	case h.queue == nil:
		value, ok = s.qm.attribute(selector)
	default:
		value, ok = h.queue.attribute(selector)
	}
	return value, "", ok
}

func (q *QueueManager) attribute(selector int32) (int32, bool) {
	switch selector {
	case inquireCharSet:
		return utf8CharSet, true
	case inquireMaxMsgLength:
		return int32(q.maxMessageLength()), true
	case inquireMaxPriority:
		return highestPriority, true
	case inquireMaxUncommitted:
		return int32(q.maxUncommitted()), true
	case inquirePlatform:
		return platformX, true
	case inquireSyncpoint:
		return 1, true
	default:
		return 0, false
	}
}

func (q *queue) attribute(selector int32) (int32, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch selector {
	case inquireDepth:
		return int32(q.depth), true
	case inquireMaxDepth:
		return int32(q.attrs.maxDepth), true
	case inquireMaxMsgLength:
		return int32(q.attrs.maxLength), true
	case inquireInhibitGet:
		return boolLong(q.attrs.getInhibited), true
	case inquireInhibitPut:
		return boolLong(q.attrs.putInhibited), true
	case inquireOpenInputCount:
		return int32(q.inputs), true
	case inquireOpenOutputCount:
		return int32(q.outputs), true
	case inquireDefPriority:
		return int32(q.attrs.defPriority), true
	case inquireDefPersistence:
		return boolLong(q.attrs.defPersistent), true
	case inquireShareability:
		return boolLong(!q.attrs.noShare), true
	case inquireDefInputOption:
		if q.attrs.exclusive {
			return ooInputExclusive, true
		}
		return ooInputShared, true
	case inquireDeliverySeq:
		if q.attrs.fifo {
			return byArrival, true
		}
		return byPriority, true
	case inquireQueueType:
		return localQueue, true
	case inquireDefinitionType:
		return predefined, true
	case inquireUsage:
		return boolLong(q.attrs.transmission), true // MQUS_TRANSMISSION is 1, MQUS_NORMAL 0
	default:
		return 0, false
	}
}

// set changes whether a queue takes and gives messages; the other attributes that MQSET knows are those of triggers.
func (s *session) set(number int32, selectors, values []int32) mqrc.Reason {
	return s.call(verbSet, number, "", func() mqrc.Reason {
		h := s.handles[number]
		switch {
		case h == nil:
			return mqrc.HObjError
		case h.options&ooSet == 0:
			return notOpenForSet
		case slices.ContainsFunc(selectors, func(s int32) bool { return s != inquireInhibitGet && s != inquireInhibitPut }):
			return selectorError
		case slices.ContainsFunc(values, func(v int32) bool { return v != 0 && v != 1 }):
			return inhibitValueError
		}
		h.queue.inhibit(selectors, values)
		if err := s.qm.saveDefinitions(); err != nil {
			return mqrc.ResourceProblem // it holds until the end of the queue manager, as nothing else could be promised
		}
		return mqrc.None
	})
}

func (q *queue) inhibit(selectors, values []int32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, selector := range selectors {
		if selector == inquireInhibitGet {
			q.attrs.getInhibited = values[i] == 1
		} else {
			q.attrs.putInhibited = values[i] == 1
		}
	}
	q.wakeAll()
}
