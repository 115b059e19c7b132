//go:build ibmmq && cgo

package jms20

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/ibm-messaging/mq-golang-jms20/jms20subset"
	"github.com/ibm-messaging/mq-golang-jms20/mqjms"
	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

func TestConnectionWithAWarningIsUsed(t *testing.T) {
	for _, c := range []struct {
		cc, rc int32
		used   bool
	}{{1, 2391, true}, {1, 2002, true}, {2, 2059, false}} {
		got, err := scripted(&script{}, exception(c.cc, c.rc)).Dial(t.Context(), mqconn.DialOptions{Endpoint: "h:1"})
		if (err == nil) != c.used || (got != nil) != c.used {
			t.Errorf("completion code %d, reason %d: %v, %v", c.cc, c.rc, got, err)
		}
		if !c.used {
			wantReason(t, err, mqrc.Reason(c.rc))
		}
	}
}

func TestConnectionWithAWarningAndNoContextIsAFailure(t *testing.T) {
	if c, err := scripted(nil, exception(1, 2391)).Dial(t.Context(), mqconn.DialOptions{Endpoint: "h:1"}); c != nil || err == nil {
		t.Error(c, err)
	}
}

func TestReconnectionIsOff(t *testing.T) {
	change := func(cno *mqi.MQCNO) { cno.Options |= mqi.MQCNO_RECONNECT_Q_MGR }
	d, err := newDialer(Options{QueueManager: "QM1", Channel: "C", User: "u", Password: "p", MaxMessage: 5 << 20}, change)
	must(t, err)
	var cno mqi.MQCNO
	var factory mqjms.ConnectionFactoryImpl
	d.create = func(cf mqjms.ConnectionFactoryImpl, _ int, o jms20subset.MQOptions) (jms20subset.JMSContext, jms20subset.JMSException) {
		factory = cf
		o(&cno)
		return &script{}, nil
	}
	dial(t, d, "host:1415", true)
	const all = mqi.MQCNO_RECONNECT | mqi.MQCNO_RECONNECT_Q_MGR | mqi.MQCNO_RECONNECT_DISABLED
	if cno.Options&all != mqi.MQCNO_RECONNECT_DISABLED || cno.Options&mqi.MQCNO_CLIENT_BINDING == 0 {
		t.Errorf("connection options %#x", cno.Options)
	}
	if cd := cno.ClientConn; cd == nil || cd.ConnectionName != "host(1415)" || cd.ChannelName != "C" || cd.MaxMsgLength != 5<<20 {
		t.Errorf("channel %+v", cd)
	}
	if cno.SecurityParms == nil || cno.SecurityParms.Password != "p" || cno.ApplName != "test" || factory.ReceiveBufferSize != 320<<10 {
		t.Errorf("connection options %+v, factory %+v", cno, factory)
	}
}

func TestEveryOptionReachesTheConnection(t *testing.T) {
	var o Options
	v := reflect.ValueOf(&o).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(v.Type().Field(i).Name)
		case reflect.Bool:
			f.SetBool(true)
		default:
			f.SetInt(int64(i))
		}
	}
	client := reflect.ValueOf(o.client())
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if name == "ReceiveBufferSize" {
			continue
		}
		if got := client.FieldByName(name); !got.IsValid() || got.Interface() != v.Field(i).Interface() {
			t.Errorf("%s does not arrive", name)
		}
	}
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	for _, o := range []Options{
		{},
		{QueueManager: "Q", MaxMessage: -1},
		{QueueManager: "Q", ReceiveBufferSize: -1},
		{QueueManager: "Q", MaxMessage: 100, ReceiveBufferSize: 101},
	} {
		if d, err := New(o); d != nil || err == nil || !strings.HasPrefix(err.Error(), "mqconn/jms20: ") {
			t.Errorf("%+v: %v, %v", o, d, err)
		}
	}
	d, err := newDialer(Options{QueueManager: "*GROUP", MaxMessage: 1000}, nil)
	if err != nil || d.buffer.Load() != 1000 || d.queueManagerName() != "" {
		t.Error(d, err)
	}
}

func TestConnectFailuresKeepTheirReason(t *testing.T) {
	_, d, endpoint := start(t, Options{})
	wrongName, wrongChannel := d.options, d.options
	wrongName.QueueManager, wrongChannel.Channel = "QM2", "NOWHERE"
	for want, dialer := range map[mqrc.Reason]*dialer{
		mqrc.QMgrNameError:      {options: wrongName, create: create},
		mqrc.UnknownChannelName: {options: wrongChannel, create: create},
	} {
		_, err := dialer.Dial(t.Context(), mqconn.DialOptions{Endpoint: endpoint})
		wantReason(t, err, want)
	}
	if _, err := d.Dial(t.Context(), mqconn.DialOptions{Endpoint: "127.0.0.1:1"}); reason(err) != mqrc.HostNotAvailable {
		t.Error(err)
	}
}

func TestCipherAndLabelReachTheChannel(t *testing.T) {
	qm, d, endpoint := start(t, Options{})
	must(t, qm.MQSC("DEFINE CHANNEL(SECURE) CHLTYPE(SVRCONN) HBINT(5) SSLCIPH(ANY_TLS12) SSLCAUTH(REQUIRED)"))
	for _, c := range []struct {
		change func(*Options)
		want   mqrc.Reason
	}{
		{func(o *Options) {}, mqrc.SSLInitializationError},
		{func(o *Options) { o.CipherSpec = "ANY_TLS12" }, mqrc.SSLInitializationError},
		{func(o *Options) { o.CipherSpec, o.KeyRepository, o.CertificateLabel = "ANY_TLS12", "keys", "me" }, mqrc.None},
	} {
		o := Options{QueueManager: d.options.QueueManager, Channel: "SECURE"}
		c.change(&o)
		secure, err := New(o)
		must(t, err)
		got, err := secure.Dial(t.Context(), mqconn.DialOptions{Endpoint: endpoint, Role: "test"})
		wantReason(t, err, c.want)
		if err == nil {
			must(t, got.Close())
		}
	}
}

func TestBindingsHaveNoChannel(t *testing.T) {
	d, err := newDialer(Options{QueueManager: "QM1", Bindings: true, AppName: "mine", MaxMessage: 5 << 20}, nil)
	must(t, err)
	var cno mqi.MQCNO
	var factory mqjms.ConnectionFactoryImpl
	d.create = func(cf mqjms.ConnectionFactoryImpl, _ int, o jms20subset.MQOptions) (jms20subset.JMSContext, jms20subset.JMSException) {
		factory = cf
		o(&cno)
		return &script{}, nil
	}
	c := dial(t, d, "", false)
	if cno.ClientConn != nil || cno.ApplName != "mine" || cno.Options&mqi.MQCNO_LOCAL_BINDING == 0 || factory.TransportType != mqjms.TransportType_BINDINGS {
		t.Errorf("connection options %+v, factory %+v", cno, factory)
	}
	if info := c.Info(); !info.Bindings || info.MaxMessage != 5<<20 {
		t.Errorf("%+v", info)
	}
}

// What a dial gives that was given up is closed by whoever dialled.
func TestConnectionThatComesAfterTheEndIsGivenBack(t *testing.T) {
	s := &script{}
	d := scripted(s, nil)
	ctx, cancel := context.WithCancel(t.Context())
	made := d.create
	d.create = func(cf mqjms.ConnectionFactoryImpl, mode int, o jms20subset.MQOptions) (jms20subset.JMSContext, jms20subset.JMSException) {
		cancel()
		return made(cf, mode, o)
	}
	if c, err := d.Dial(ctx, mqconn.DialOptions{Endpoint: "h:1"}); c != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", c, err)
	}
	if s.closed != 1 {
		t.Errorf("closed %d times", s.closed)
	}
}
