package mqtest_test

import (
	"slices"
	"testing"

	"github.com/mqha/mqha/mqconn/mqtest"
)

func TestChannelsAreListedByName(t *testing.T) {
	qm := mqtest.New(t, mqtest.Options{MQSC: `
		DEFINE QLOCAL(QM2) USAGE(XMITQ)
		DEFINE CHANNEL(QM3.TO.QM1) CHLTYPE(RCVR)
		DEFINE CHANNEL(QM1.TO.QM2) CHLTYPE(SDR) XMITQ(QM2) CONNAME('127.0.0.1(1)')
		DEFINE CHANNEL(CLIENTS) CHLTYPE(SVRCONN)
		DEFINE CHANNEL(QM2.TO.QM1) CHLTYPE(RCVR)`})
	var got []string
	for _, s := range qm.Channels() {
		got = append(got, s.Name+" "+s.Type+" "+string(s.State))
	}
	if want := []string{"QM1.TO.QM2 SDR INACTIVE", "QM2.TO.QM1 RCVR INACTIVE", "QM3.TO.QM1 RCVR INACTIVE"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
