package mqtest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// A C client library sends its structures as they lie in memory: these are the lengths and offsets that
// IBM documents for them on 64-bit platforms (MQMD_LENGTH_2 and so on).
func TestDescriptorsAreLaidOutAsInTheMQI(t *testing.T) {
	for _, row := range []struct {
		name      string
		got, want int
	}{
		{"MQMD_LENGTH_2", len(md{}), 364},
		{"MQOD_LENGTH_4", len(od{}), 424},
		{"MQPMO_LENGTH_3", len(pmo{}), 184},
		{"MQGMO_LENGTH_4", len(gmo{}), 112},
		{"MQCNO_LENGTH_8", len(cno{}), 272},
		{"MQMD_LENGTH_1, the end of ApplOriginData", mdPutTime + 8 + 4, 324},
		{"MQMD_LENGTH_2, the end of OriginalLength", mdOriginalLen + 4, 364},
		{"MQMD.CorrelId after MsgId", mdMsgID + 24, mdCorrelID},
		{"MQMD.BackoutCount after CorrelId", mdCorrelID + 24, mdBackoutCount},
		{"MQMD.UserIdentifier after ReplyToQMgr", mdReplyToQMgr + 48, mdUserID},
		{"MQMD.PutApplName after AccountingToken, ApplIdentityData, PutApplType", mdUserID + 12 + 32 + 32 + 4, mdPutApplName},
		{"MQOD_LENGTH_1, the end of AlternateUserId", odObjectQMgr + 48 + 48 + 12, 168},
		{"MQPMO_LENGTH_1, the end of ResolvedQMgrName", pmoResolvedQM + 48, 128},
		{"MQGMO_LENGTH_1, the end of ResolvedQName", gmoResolvedQ + 48, 72},
		{"MQGMO_LENGTH_3, the end of ReturnedLength", gmoReturnedLength + 4, 100},
		{"MQCNO_LENGTH_6, the start of ApplName", cnoApplName, 224},
		{"the header", len(header{}.append(nil)), headerLength},
	} {
		if row.got != row.want {
			t.Errorf("%s: %d, want %d", row.name, row.got, row.want)
		}
	}
}

func TestHeaderIsReadAsWritten(t *testing.T) {
	want := header{headerLength + 5, wireGet, 3, 4, 5, 2, mqrc.NoMsgAvailable, protocolVersion, flagProperties}
	got, err := readHeader(bufio.NewReader(bytes.NewReader(want.append(nil))))
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// rawClient speaks the wire without the client of this package.
func rawClient(t *testing.T) (net.Conn, *QueueManager) {
	t.Helper()
	qm := New(t, Options{MQSC: "DEFINE QLOCAL(A)\nDEFINE CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN) REPLACE"})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := qm.Serve(l); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, qm
}

func TestUnknownProtocolVersionIsRefusedInWords(t *testing.T) {
	c, _ := rawClient(t)
	future := header{length: headerLength, verb: wireConnect, call: 7, version: 9}
	if _, err := c.Write(future.append(nil)); err != nil {
		t.Fatal(err)
	}
	answer, err := readHeader(bufio.NewReader(c))
	if err != nil || answer.reason != mqrc.ChannelConfigError || answer.call != 7 || answer.version != protocolVersion {
		t.Errorf("got %+v, %v", answer, err)
	}

	// And the client: a server of another version is not dialled again in silence.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			_, _ = conn.Write(header{length: headerLength, verb: wireConnect, call: 1, version: 2}.append(nil))
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	_, err = TCP{}.Dial(t.Context(), mqconn.DialOptions{Endpoint: l.Addr().String()})
	var fault *mqconn.Fault
	if !errors.As(err, &fault) || fault.Reason != mqrc.ChannelConfigError || !strings.Contains(err.Error(), "version 1") {
		t.Errorf("got %v", err)
	}
}

func TestNonsenseOnTheSocketEndsOnlyThatConnection(t *testing.T) {
	valid := func(h header) []byte { h.version = protocolVersion; return h.append(nil) }
	for name, frame := range map[string][]byte{
		"another protocol":            []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"a length below the header's": valid(header{length: 5, verb: wireCommit}),
		"a frame of two gigabytes":    valid(header{length: 1 << 31, verb: wirePut}),
		"an unknown verb":             valid(header{length: headerLength, verb: 99}),
		"a put without descriptors":   valid(header{length: headerLength + 1, verb: wirePut}),
		"a commit with arguments":     append(valid(header{length: headerLength + 1, verb: wireCommit}), 0),
		"too many selectors":          valid(header{length: headerLength + 4*(mostSelectors+1), verb: wireInquire}),
		"half a selector":             append(valid(header{length: headerLength + 2, verb: wireInquire}), 0, 0),
	} {
		t.Run(name, func(t *testing.T) {
			c, qm := rawClient(t)
			connect := TCP{}.request(mqconn.DialOptions{})
			h := valid(header{length: uint32(headerLength + len(connect)), verb: wireConnect})
			if _, err := c.Write(append(append(h, connect...), frame...)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(c); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Log(err) // a reset, where the rest of the frame was not read
			}
			if _, err := qm.Dialer().Dial(t.Context(), mqconn.DialOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// connected is a client with queue A open for everything.
func connected(t *testing.T) (*remote, int32) {
	t.Helper()
	c, _ := rawClient(t)
	r := &remote{conn: c, reader: bufio.NewReader(c), closed: make(chan struct{})}
	if _, reason := r.connect(TCP{}.request(mqconn.DialOptions{})); reason != mqrc.None {
		t.Fatal(reason)
	}
	r.silence = 0 // no heartbeats, no deadlines
	d := newOD(mqconn.Address{Queue: "A"})
	object, reason := r.open(&d, ooInputShared|ooOutput|ooBrowse|ooInquire)
	if reason != mqrc.None {
		t.Fatal(reason)
	}
	return r, object
}

func TestBufferTooSmall(t *testing.T) {
	r, object := connected(t)
	d, o := newMD(), newPMO(pmoNoSyncpoint)
	if reason := r.put(object, &d, &o, []byte("0123456789")); reason != mqrc.None {
		t.Fatal(reason)
	}
	r.maxLength = 4
	g := newGMO(gmoNoSyncpoint, 0, 0)
	d = newMD()
	if body, reason := r.get(object, &d, &g, nil); reason != mqrc.TruncatedMsgFailed || len(body) != 0 {
		t.Fatalf("%q, %s", body, reason)
	}
	g = newGMO(gmoNoSyncpoint|gmoAcceptTruncated, 0, 0)
	body, reason := r.get(object, &d, &g, nil)
	if reason != mqrc.TruncatedMsgAccepted || string(body) != "0123" || getLong(g[:], gmoReturnedLength) != 4 {
		t.Fatalf("%q, %s", body, reason)
	}
	if _, reason := r.get(object, &d, &g, nil); reason != mqrc.NoMsgAvailable {
		t.Fatal("the message stayed: ", reason)
	}
}

// badCalls are programming errors of a client, and what the MQI answers to them.
func TestWrongCallsAreAnswered(t *testing.T) {
	r, object := connected(t)
	q := newOD(mqconn.Address{Queue: "A"})
	inquireOnly, reason := r.open(&q, ooInquire)
	if reason != mqrc.None {
		t.Fatal(reason)
	}
	browsable, reason := r.open(&q, ooBrowse)
	if reason != mqrc.None {
		t.Fatal(reason)
	}
	putWith := func(object int32, options int32, change func(*md)) mqrc.Reason {
		d, o := newMD(), newPMO(options)
		change(&d)
		return r.put(object, &d, &o, nil)
	}
	same := func(*md) {}
	field := func(at int, v int32) func(*md) { return func(d *md) { putLong(d[:], at, v) } }
	getWith := func(object int32, options int32) mqrc.Reason {
		d, o := newMD(), newGMO(options, 0, 0)
		_, reason := r.get(object, &d, &o, nil)
		return reason
	}
	openWith := func(kind, options int32) mqrc.Reason {
		d := newOD(mqconn.Address{Queue: "A"})
		putLong(d[:], odObjectType, kind)
		_, reason := r.open(&d, options)
		return reason
	}
	inquireWith := func(object, selector int32) mqrc.Reason {
		_, reason := r.inquire(object, []int32{selector})
		return reason
	}
	for _, row := range []struct {
		name string
		got  mqrc.Reason
		want mqrc.Reason
	}{
		{"put to no handle", putWith(99, 0, same), mqrc.HObjError},
		{"put not opened for output", putWith(inquireOnly, 0, same), mqrc.NotOpenForOutput},
		{"both syncpoint options", putWith(object, pmoSyncpoint|pmoNoSyncpoint, same), mqrc.OptionsError},
		{"not an MQMD", putWith(object, 0, field(0, 0)), mqrc.MDError},
		{"priority 10", putWith(object, 0, field(mdPriority, 10)), mqrc.PriorityError},
		{"persistence 7", putWith(object, 0, field(mdPersistence, 7)), mqrc.PersistenceError},
		{"expiry 0", putWith(object, 0, field(mdExpiry, 0)), mqrc.ExpiryError},
		{"get from no handle", getWith(99, 0), mqrc.HObjError},
		{"get not opened for input", getWith(inquireOnly, 0), mqrc.NotOpenForInput},
		{"browse not opened for browse", getWith(inquireOnly, gmoBrowseFirst), notOpenForBrowse},
		{"get in syncpoint and not", getWith(object, gmoSyncpoint|gmoNoSyncpoint), mqrc.OptionsError},
		{"browse first and next", getWith(browsable, gmoBrowseFirst|gmoBrowseNext), mqrc.OptionsError},
		{"browse in syncpoint", getWith(browsable, gmoBrowseFirst|gmoSyncpoint), mqrc.OptionsError},
		{"browse in syncpoint if persistent", getWith(browsable, gmoBrowseNext|gmoSyncpointIfPersistent), mqrc.OptionsError},
		{"browse without", getWith(browsable, gmoBrowseFirst|gmoNoSyncpoint), mqrc.NoMsgAvailable},
		{"open for nothing", openWith(objectQueue, 0), mqrc.OptionsError},
		{"open a namelist", openWith(2, ooInquire), mqrc.ObjectTypeError},
		{"open a queue manager for output", openWith(objectQueueManager, ooOutput), wrongOption},
		{"open a queue manager", openWith(objectQueueManager, ooInquire), mqrc.None},
		{"inquire no handle", inquireWith(99, inquireDepth), mqrc.HObjError},
		{"inquire an unknown attribute", inquireWith(inquireOnly, 4711), selectorError},
		{"inquire the longest message", inquireWith(inquireOnly, inquireMaxMsgLength), mqrc.None},
		{"close no handle", r.close(99), mqrc.HObjError},
		{"close", r.close(inquireOnly), mqrc.None},
		{"close again", r.close(inquireOnly), mqrc.HObjError},
	} {
		if row.got != row.want {
			t.Errorf("%s: %s, want %s", row.name, row.got, row.want)
		}
	}
}

// A second call while a get waits is refused and leaves the get waiting (MQRC_CALL_IN_PROGRESS).
func TestSecondCallOnABusyConnection(t *testing.T) {
	r, object := connected(t)
	d, o := newMD(), newGMO(gmoWait, 0, waitUnlimited)
	request := make([]byte, headerLength, headerLength+getLength)
	request = append(append(append(request, d[:]...), o[:]...), 0, 1, 0, 0)
	header{length: uint32(len(request)), verb: wireGet, call: 100, object: object, version: protocolVersion}.append(request[:0])
	if _, err := r.conn.Write(request); err != nil {
		t.Fatal(err)
	}
	commit := header{length: headerLength, verb: wireCommit, call: 101, version: protocolVersion}
	if _, err := r.conn.Write(commit.append(nil)); err != nil {
		t.Fatal(err)
	}
	answer, err := readHeader(r.reader)
	if err != nil || answer.call != 101 || answer.reason != mqrc.CallInProgress {
		t.Fatalf("%+v, %v", answer, err)
	}
}

// FuzzServer throws bytes at a connected link: whatever comes, it must answer or hang up, and leave
// the queue manager without connections.
func FuzzServer(f *testing.F) {
	d, p, g := newMD(), newPMO(0), newGMO(gmoWait, 0, 1)
	o := newOD(mqconn.Address{Queue: "A"})
	frame := func(verb wireVerb, object int32, parts ...[]byte) []byte {
		arguments := bytes.Join(parts, nil)
		h := header{length: uint32(headerLength + len(arguments)), verb: verb, object: object, version: protocolVersion}
		return append(h.append(nil), arguments...)
	}
	open := frame(wireOpen, 0, o[:], binary.LittleEndian.AppendUint32(nil, ooInputShared|ooOutput|ooBrowse|ooInquire))
	f.Add(append(open, frame(wirePut, 1, d[:], p[:], []byte("body"))...))
	f.Add(append(open, frame(wireGet, 1, d[:], g[:], []byte{0, 1, 0, 0})...))
	f.Add(append(open, frame(wireInquire, 1, []byte{3, 0, 0, 0})...))
	f.Add(frame(wirePut1, 0, o[:], d[:], p[:], []byte("body")))
	f.Add(append(frame(wireCommit, 0), frame(wireDisconnect, 0)...))
	f.Add(append(frame(wireHeartbeat, 0), frame(wireClose, 1, make([]byte, 4))...))
	f.Fuzz(func(t *testing.T, data []byte) {
		qm, err := Start(Options{MQSC: "DEFINE QLOCAL(A)\nDEFINE CHANNEL(MQHA.SVRCONN) CHLTYPE(SVRCONN)"})
		if err != nil {
			t.Fatal(err)
		}
		client, server := net.Pipe()
		l := newLink(qm, server)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			l.run()
		}()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		connect := TCP{}.request(mqconn.DialOptions{})
		_ = client.SetWriteDeadline(time.Now().Add(time.Minute)) // it need not read all of it
		_, _ = client.Write(frame(wireConnect, 0, connect))
		_, _ = client.Write(data)
		_ = client.Close()
		<-ended
		if connections, held := qm.Handles(); connections != 0 || held != 0 {
			t.Errorf("%d connections, %d held", connections, held)
		}
		if err := qm.Close(); err != nil {
			t.Error(err)
		}
	})
}
