package mqtest

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// These are the parts of the protocol that the client of this package does not use, and the C library does.

// connectAs dials a queue manager with what a C program can say of itself.
func connectAs(t *testing.T, qm *QueueManager, channel, user, password, cipher, label string, longest int32) (*remote, mqrc.Reason) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := qm.Serve(l); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r := &remote{conn: conn, reader: bufio.NewReader(conn), closed: make(chan struct{})}
	request := TCP{Channel: channel, User: user}.request(mqconn.DialOptions{})
	at := queueNameLength + cnoLength + channelNameLength + userLength
	putText(request, at, userLength, password)
	putText(request, at+userLength, cipherLength, cipher)
	putText(request, at+userLength+cipherLength, labelLength, label)
	putLong(request, at+userLength+cipherLength+labelLength, longest)
	_, reason := r.connect(request)
	t.Cleanup(func() { r.hangUp() })
	return r, reason
}

const libraryDefinitions = `
DEFINE QLOCAL(A)
DEFINE QLOCAL(REPORTS)
DEFINE QLOCAL(SMALL) MAXDEPTH(1)
DEFINE CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN)
DEFINE CHANNEL(TLS) CHLTYPE(SVRCONN) SSLCIPH(ANY_TLS12) SSLCAUTH(OPTIONAL)
DEFINE CHANNEL(MUTUAL) CHLTYPE(SVRCONN) SSLCIPH(ANY_TLS12)
`

func TestUsersAndCiphersAreChecked(t *testing.T) {
	qm := New(t, Options{MQSC: libraryDefinitions, Users: map[string]string{"app": "right"}})
	for _, row := range []struct {
		name, channel, user, password, cipher, label string
		want                                         mqrc.Reason
	}{
		{"no password is not checked", DefaultChannel, "anybody", "", "", "", mqrc.None},
		{"a right pair", DefaultChannel, "app", "right", "", "", mqrc.None},
		{"a wrong password", DefaultChannel, "app", "wrong", "", "", mqrc.NotAuthorized},
		{"an unknown user", DefaultChannel, "other", "right", "", "", mqrc.NotAuthorized},
		{"no cipher", "TLS", "app", "right", "", "", mqrc.SSLInitializationError},
		{"a cipher", "TLS", "app", "right", "ANY_TLS12", "", mqrc.None},
		{"no certificate", "MUTUAL", "app", "right", "ANY_TLS12", "", mqrc.SSLInitializationError},
		{"a certificate", "MUTUAL", "app", "right", "ANY_TLS12", "mine", mqrc.None},
		{"no such channel", "NONE", "app", "right", "", "", mqrc.UnknownChannelName},
	} {
		if _, got := connectAs(t, qm, row.channel, row.user, row.password, row.cipher, row.label, 0); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

// libraryClient is a connection with A open for everything.
func libraryClient(t *testing.T, qm *QueueManager, longest int32) (*remote, int32) {
	t.Helper()
	r, reason := connectAs(t, qm, DefaultChannel, "app", "", "", "", longest)
	if reason != mqrc.None {
		t.Fatal(reason)
	}
	return r, openOn(t, r, "A")
}

func openOn(t *testing.T, r *remote, queue string) int32 {
	t.Helper()
	d := newOD(mqconn.Address{Queue: queue})
	object, reason := r.open(&d, ooInputShared|ooOutput)
	if reason != mqrc.None {
		t.Fatal(reason)
	}
	return object
}

func TestClientsOwnLimitOfMessagesHolds(t *testing.T) {
	qm := New(t, Options{MQSC: libraryDefinitions})
	wide, object := libraryClient(t, qm, 0)
	narrow, small := libraryClient(t, qm, 10)
	d, o := newMD(), newPMO(0)
	if r := wide.put(object, &d, &o, make([]byte, 11)); r != mqrc.None {
		t.Fatal(r)
	}
	if r := narrow.put(small, &d, &o, make([]byte, 11)); r != mqrc.DataLengthError {
		t.Errorf("put above the limit: %s", r)
	}
	g := newGMO(0, 0, 0)
	if _, r := narrow.get(small, &d, &g, nil); r != mqrc.DataLengthError {
		t.Errorf("get above the limit: %s", r)
	}
	if body, r := wide.get(object, &d, &g, nil); r != mqrc.None || len(body) != 11 {
		t.Errorf("the message has gone: %d bytes, %s", len(body), r)
	}
}

// putBlock puts a persistent message with a block of properties.
func putBlock(t *testing.T, r *remote, object int32, properties, body string) {
	t.Helper()
	d, o := newMD(), newPMO(0)
	putLong(d[:], mdPersistence, 1)
	frame := append(append(make([]byte, headerLength), d[:]...), o[:]...)
	frame = append(frame, byte(len(properties)), 0, 0, 0)
	frame = append(append(frame, properties...), body...)
	r.calls++
	h := header{length: uint32(len(frame)), verb: wirePut, call: r.calls, object: object, version: protocolVersion, flags: flagProperties}
	h.append(frame[:0])
	if _, err := r.conn.Write(frame); err != nil {
		t.Fatal(err)
	}
	answer, err := readHeader(r.reader)
	if err != nil || answer.reason != mqrc.None {
		t.Fatal(answer.reason, err)
	}
	if _, reason := r.arguments(answer, d[:], o[:]); reason != mqrc.None {
		t.Fatal(reason)
	}
}

// getBlock gets a message the way the C library does.
func getBlock(t *testing.T, r *remote, object int32) (properties, body string) {
	t.Helper()
	d, o := newMD(), newGMO(0, 0, 0)
	frame := append(append(make([]byte, headerLength), d[:]...), o[:]...)
	frame = append(frame, 100, 0, 0, 0)
	r.calls++
	h := header{length: uint32(len(frame)), verb: wireGet, call: r.calls, object: object, version: protocolVersion, flags: flagProperties}
	h.append(frame[:0])
	if _, err := r.conn.Write(frame); err != nil {
		t.Fatal(err)
	}
	answer, err := readHeader(r.reader)
	if err != nil || answer.reason != mqrc.None || answer.flags != flagProperties {
		t.Fatalf("%+v, %v", answer, err)
	}
	var lengths [8]byte
	left, reason := r.arguments(answer, d[:], o[:], lengths[:])
	if reason != mqrc.None || getLong(lengths[:], 0) != int32(left)-getLong(lengths[:], 4) {
		t.Fatal(lengths, left, reason)
	}
	rest := make([]byte, left)
	if _, err := readInto(r.reader, left, rest); err != nil {
		t.Fatal(err)
	}
	n := getLong(lengths[:], 4)
	return string(rest[:n]), string(rest[n:])
}

func TestPropertiesStayWithTheirMessageOnDisk(t *testing.T) {
	dir := t.TempDir()
	before := New(t, Options{Dir: dir, MQSC: libraryDefinitions})
	r, object := libraryClient(t, before, 0)
	putBlock(t, r, object, "properties", "body")
	putBlock(t, r, object, "more", "second")
	before.Kill()
	after := New(t, Options{Dir: dir})
	r, object = libraryClient(t, after, 0)
	if p, b := getBlock(t, r, object); p != "properties" || b != "body" {
		t.Errorf("got %q, %q", p, b)
	}
	// A client that does not ask for properties gets the message without.
	d, o := newMD(), newGMO(0, 0, 0)
	if body, reason := r.get(object, &d, &o, nil); reason != mqrc.None || string(body) != "second" {
		t.Errorf("got %q, %s", body, reason)
	}
}

func TestPropertiesLongerThanTheirFrameEndTheConnection(t *testing.T) {
	qm := New(t, Options{MQSC: libraryDefinitions})
	r, object := libraryClient(t, qm, 0)
	frame := make([]byte, headerLength+putLength+8)
	frame[headerLength+putLength] = 5 // of which four are there
	h := header{length: uint32(len(frame)), verb: wirePut, call: 9, object: object, version: protocolVersion, flags: flagProperties}
	h.append(frame[:0])
	if _, err := r.conn.Write(frame); err != nil {
		t.Fatal(err)
	}
	if _, err := readHeader(r.reader); err == nil {
		t.Error("answered")
	}
}

func TestConfirmationsComeInTheUnitOfWorkOfTheirCause(t *testing.T) {
	qm := New(t, Options{MQSC: libraryDefinitions})
	r, object := libraryClient(t, qm, 0)
	reports := openOn(t, r, "REPORTS")
	d, o := newMD(), newPMO(pmoSyncpoint)
	putLong(d[:], mdReport, confirmArrival.report|confirmArrival.withData|confirmDelivery.report)
	putText(d[:], mdReplyToQ, queueNameLength, "REPORTS")
	if reason := r.put(object, &d, &o, bytes.Repeat([]byte("x"), 200)); reason != mqrc.None {
		t.Fatal(reason)
	}
	expect := func(feedback int32, length int) {
		t.Helper()
		report, g := newMD(), newGMO(0, 0, 0)
		body, reason := r.get(reports, &report, &g, nil)
		if feedback == 0 {
			if reason != mqrc.NoMsgAvailable {
				t.Errorf("%s, want no report", reason)
			}
			return
		}
		if reason != mqrc.None || getLong(report[:], mdFeedback) != feedback || len(body) != length ||
			report.id(mdCorrelID) != d.id(mdMsgID) || getLong(report[:], mdMsgType) != typeReport {
			t.Errorf("%s, feedback %d, %d bytes, want feedback %d, %d bytes", reason, getLong(report[:], mdFeedback), len(body), feedback, length)
		}
	}
	expect(0, 0)
	r.commit()
	expect(confirmArrival.feedback, reportDataLength)
	got, g := newMD(), newGMO(gmoSyncpoint, 0, 0)
	if _, reason := r.get(object, &got, &g, nil); reason != mqrc.None {
		t.Fatal(reason)
	}
	r.backout()
	expect(0, 0)
	if _, reason := r.get(object, &got, &g, nil); reason != mqrc.None {
		t.Fatal(reason)
	}
	r.commit()
	expect(confirmDelivery.feedback, 0)
	expect(0, 0)
}

func TestUnknownOptionsAreRefused(t *testing.T) {
	qm := New(t, Options{MQSC: libraryDefinitions})
	r, object := libraryClient(t, qm, 0)
	d, p := newMD(), newPMO(0x8000) // MQPMO_LOGICAL_ORDER
	if reason := r.put(object, &d, &p, nil); reason != mqrc.OptionsError {
		t.Errorf("put: %s", reason)
	}
	g := newGMO(0x0200, 0, 0) // MQGMO_LOCK
	if _, reason := r.get(object, &d, &g, nil); reason != mqrc.OptionsError {
		t.Errorf("get: %s", reason)
	}
	g = newGMO(0, 0x0020, 0) // MQMO_MATCH_MSG_TOKEN
	if _, reason := r.get(object, &d, &g, nil); reason != matchOptionsError {
		t.Errorf("match: %s", reason)
	}
}

// MQSET changes a definition, which is durable as one.
func TestInhibitedQueueStaysSoOverARestart(t *testing.T) {
	dir := t.TempDir()
	qm := New(t, Options{MQSC: libraryDefinitions, Dir: dir})
	s, r := qm.connect(connectRequest{})
	if r != mqrc.None {
		t.Fatal(r)
	}
	d := newOD(mqconn.Address{Queue: "A"})
	object, r := s.open(&d, ooSet)
	if r != mqrc.None {
		t.Fatal(r)
	}
	if r := s.set(object, []int32{inquireInhibitPut}, []int32{1}); r != mqrc.None {
		t.Fatal(r)
	}
	qm.Kill()
	qm = New(t, Options{Dir: dir})
	c, err := qm.Dialer().Dial(t.Context(), mqconn.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var fault *mqconn.Fault
	if err := c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{}); !errors.As(err, &fault) || fault.Reason != mqrc.PutInhibited {
		t.Errorf("got %v", err)
	}
}
