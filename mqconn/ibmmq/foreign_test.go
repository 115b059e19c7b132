//go:build ibmmq && cgo && foreign

package ibmmq_test

import (
	"os"
	"slices"
	"testing"

	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/ibmmq"
	"github.com/mqha/mqha/mqconn/jms20"
	"github.com/mqha/mqha/mqconn/mqtest/conformance"
)

// Both transports against a queue manager that is there already, a real one above all: MQHA_TEST_QMGR is its
// name. See FIDELITY.md beside the C double for how to run it, and for what is not known without.
//
//	go test -tags ibmmq,foreign -run TestContractOnAnotherQueueManager -v ./mqconn/ibmmq
func TestContractOnAnotherQueueManager(t *testing.T) {
	o := foreignOptions(t)
	through := make(map[string]mqconn.Dialer)
	for name, make := range map[string]func() (mqconn.Dialer, error){
		"ibmmq": func() (mqconn.Dialer, error) { return ibmmq.New(o) },
		"jms20": func() (mqconn.Dialer, error) {
			return jms20.New(jms20.Options{
				QueueManager: o.QueueManager, Channel: o.Channel, User: o.User, Password: o.Password, AppName: o.AppName,
				CipherSpec: o.CipherSpec, KeyRepository: o.KeyRepository, KeyRepositoryPasswordFile: o.KeyRepositoryPasswordFile,
			})
		},
	} {
		d, err := make()
		if err != nil {
			t.Fatal(err)
		}
		through[name] = d
	}
	lacking := map[string][]string{"jms20": {"user id", "backout count", "remote queue manager", "get by id on a held queue",
		"browse on a held queue", "exclusive open by option"}}
	for name, d := range through {
		t.Run(name, func(t *testing.T) {
			skipped := conformance.RunForeign(t, conformance.Target{
				Dialer: d, Endpoint: os.Getenv("MQHA_TEST_ENDPOINT"), Foreign: foreign(t, o),
			})
			if !slices.Equal(skipped, lacking[name]) {
				t.Errorf("skipped %q, want %q", skipped, lacking[name])
			}
		})
	}
}

func foreignOptions(t *testing.T) ibmmq.Options {
	t.Helper()
	for _, name := range []string{"MQHA_TEST_QMGR", "MQHA_TEST_ENDPOINT", "MQHA_TEST_CHANNEL"} {
		if os.Getenv(name) == "" {
			t.Fatalf("%s is not set: it says which queue manager to test", name)
		}
	}
	return ibmmq.Options{
		QueueManager: os.Getenv("MQHA_TEST_QMGR"), Channel: os.Getenv("MQHA_TEST_CHANNEL"), AppName: "mqha conformance",
		User: os.Getenv("MQHA_TEST_USER"), Password: os.Getenv("MQHA_TEST_PASSWORD"),
		CipherSpec: os.Getenv("MQHA_TEST_CIPHER"), KeyRepository: os.Getenv("MQHA_TEST_KEY_REPOSITORY"),
		KeyRepositoryPasswordFile: os.Getenv("MQHA_TEST_KEY_REPOSITORY_PASSWORD_FILE"),
	}
}

// foreign asks the queue manager with mq-golang itself, so that no transport judges itself.
func foreign(t *testing.T, o ibmmq.Options) conformance.Foreign {
	t.Helper()
	cno, err := ibmmq.ConnectOptions(o, mqconn.DialOptions{Endpoint: os.Getenv("MQHA_TEST_ENDPOINT"), Role: "operator"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	manager, err := mqi.Connx(o.QueueManager, cno)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = manager.Disc() })
	with := func(queue string, options int32, do func(mqi.MQObject) error) error {
		od := mqi.NewMQOD()
		od.ObjectType, od.ObjectName = mqi.MQOT_Q, queue
		object, err := manager.Open(od, options)
		if err != nil {
			return err
		}
		defer object.Close(mqi.MQCO_NONE)
		return do(object)
	}
	user := os.Getenv("MQHA_TEST_MESSAGE_USER")
	if user == "" {
		user = o.User
	}
	return conformance.Foreign{
		Name: o.QueueManager,
		User: user,
		Depth: func(queue string) (depth int, err error) {
			err = with(queue, mqi.MQOO_INQUIRE, func(object mqi.MQObject) error {
				values, err := object.Inq([]int32{mqi.MQIA_CURRENT_Q_DEPTH})
				if n, ok := values[mqi.MQIA_CURRENT_Q_DEPTH].(int32); ok {
					depth = int(n)
				}
				return err
			})
			return depth, err
		},
		Inhibit: func(queue string, puts, gets bool) error {
			value := map[bool]int32{true: mqi.MQQA_PUT_INHIBITED, false: mqi.MQQA_PUT_ALLOWED} // as for gets
			return with(queue, mqi.MQOO_SET, func(object mqi.MQObject) error {
				return object.Set(map[int32]interface{}{mqi.MQIA_INHIBIT_PUT: value[puts], mqi.MQIA_INHIBIT_GET: value[gets]})
			})
		},
	}
}
