//go:build ibmmq && cgo

package ibmmq

import (
	"fmt"
	"testing"

	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest/versus"
)

// The transport against mq-golang called directly: the same queue manager, in a process of its own, the same options and buffers.
//
//	go test -tags ibmmq -run '^$' -bench Versus -benchtime 30x ./mqconn/ibmmq
func BenchmarkVersusLibrary(b *testing.B) {
	for _, size := range []int{256 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			d, endpoint := startApart(b)
			ours, theirs := dial(b, d, endpoint, false), dial(b, d, endpoint, false)
			versus.Report(b, size, overTransport(ours, size), overLibrary(b, theirs.manager, size))
		})
	}
}

func overTransport(c mqconn.Transport, size int) versus.Way {
	sent, got := mqconn.Message{Body: make([]byte, size)}, mqconn.Message{Body: make([]byte, 0, size)}
	return versus.Way{
		Put: func() error { return c.Put(somewhere, &sent) },
		Get: func() error { return c.Get("A", &got, mqconn.GetOptions{}) },
	}
}

// overLibrary makes the descriptors anew for each call, as mq-golang's samples do.
func overLibrary(b *testing.B, manager *mqi.MQQueueManager, size int) versus.Way {
	b.Helper()
	open := func(options int32) mqi.MQObject {
		od := mqi.NewMQOD()
		od.ObjectType, od.ObjectName = mqi.MQOT_Q, "B"
		object, err := manager.Open(od, options|mqi.MQOO_FAIL_IF_QUIESCING)
		must(b, err)
		return object
	}
	output, input := open(mqi.MQOO_OUTPUT), open(mqi.MQOO_INPUT_AS_Q_DEF)
	sent, got := make([]byte, size), make([]byte, size)
	return versus.Way{
		Put: func() error {
			md, pmo := mqi.NewMQMD(), mqi.NewMQPMO()
			md.Persistence = mqi.MQPER_NOT_PERSISTENT
			pmo.Options = mqi.MQPMO_NEW_MSG_ID | mqi.MQPMO_FAIL_IF_QUIESCING | mqi.MQPMO_NO_SYNCPOINT
			return output.Put(md, pmo, sent)
		},
		Get: func() error {
			md, gmo := mqi.NewMQMD(), mqi.NewMQGMO()
			gmo.Options = mqi.MQGMO_NO_SYNCPOINT | mqi.MQGMO_FAIL_IF_QUIESCING | mqi.MQGMO_NO_PROPERTIES | mqi.MQGMO_NO_WAIT
			_, _, err := input.GetSlice(md, gmo, got[:0])
			return err
		},
	}
}
