package mqtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
)

// Admin is the queue manager's operator over HTTP, JSON in and out:
//
//	GET    /                 name, what lasts at the moment, number of connections
//	GET    /queues           local queues with depth, waiting gets and handles
//	GET    /connections      open connections; counts by application name and client library, ever made ones too
//	GET    /kinds            the table of FaultKinds
//	GET    /faults           injected faults and how often each has struck; how often each kind has
//	POST   /faults           inject: {"verb":"MQCMIT","break":"after-work"}, or {"lose":true,"chance":0.01,"seed":7,"times":-1};
//	                         the fields are those of Fault, break is "before-work" or "after-work", delay is "1.5s"
//	DELETE /faults           clear all; /faults/3 clears one
//	POST   /strike/KIND      begin a fault of the whole queue manager: kill, freeze, quiesce, stop, refuse ...
//	POST   /restore          end what lasts
//	POST   /mqsc             run {"script":"DEFINE QLOCAL(A)"}
//
// An error is {"error":"..."} with status 400 for a request that cannot be carried out, 409 on a queue manager that
// has ended. There is no password: the handler serves clients on this machine alone, whatever it listens on,
// refuses names that are not this machine's, and refuses web pages of other origins (403).
func (q *QueueManager) Admin() http.Handler {
	a := admin{q}
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(*http.Request) (any, error){
		"GET /{$}":                a.overview,
		"GET /queues":             func(*http.Request) (any, error) { return q.queueStates(), nil },
		"GET /connections":        a.connections,
		"GET /kinds":              func(*http.Request) (any, error) { return kindsJSON(), nil },
		"GET /faults":             a.faults,
		"POST /faults":            a.inject,
		"DELETE /faults":          a.clear,
		"DELETE /faults/{number}": a.clear,
		"POST /strike/{kind}":     func(r *http.Request) (any, error) { return a.done(q.Strike(FaultKind(r.PathValue("kind")))) },
		"POST /restore":           func(*http.Request) (any, error) { return a.done(q.Restore()) },
		"POST /mqsc":              a.mqsc,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { answer(w, r, serve) })
	}
	return http.NewCrossOriginProtection().Handler(onThisMachine(mux))
}

// onThisMachine lets in who is on this machine and asks for it by its own name: a page that has its name resolve to
// 127.0.0.1 is not.
func onThisMachine(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !client.Addr().Unmap().IsLoopback() || !isLoopback(r.Host) {
			writeJSON(w, http.StatusForbidden, failure{"the admin port is for this machine alone"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLoopback says whether an address, with or without port, names this machine.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

type failure struct {
	Error string `json:"error"`
}

// longestRequest bounds what a client can make us hold in memory.
const longestRequest = 16 << 20

func answer(w http.ResponseWriter, r *http.Request, serve func(*http.Request) (any, error)) {
	r.Body = http.MaxBytesReader(w, r.Body, longestRequest)
	result, err := serve(r)
	switch {
	case errors.Is(err, ErrStopped):
		writeJSON(w, http.StatusConflict, failure{err.Error()})
	case err != nil:
		writeJSON(w, http.StatusBadRequest, failure{err.Error()})
	default:
		writeJSON(w, http.StatusOK, result)
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that has gone needs no answer
}

// read takes the request's JSON, and nothing that it does not know: a misspelt fault would never strike.
func read(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("mqtest: request: %w", err)
	}
	return nil
}

type admin struct{ qm *QueueManager }

type overviewJSON struct {
	QueueManager string      `json:"queueManager"`
	Ended        bool        `json:"ended"`
	States       []FaultKind `json:"states"`
	Connections  int         `json:"connections"`
	Held         int         `json:"held"`
}

func (a admin) overview(*http.Request) (any, error) {
	connections, held := a.qm.Handles()
	return overviewJSON{
		QueueManager: a.qm.name, Ended: a.qm.hasEnded(), States: append([]FaultKind{}, a.qm.States()...),
		Connections: connections, Held: held,
	}, nil
}

// done answers what a change has led to.
func (a admin) done(err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return a.overview(nil)
}

type connectionsJSON struct {
	Open   []Connection      `json:"open"`
	Counts []ConnectionCount `json:"counts"`
}

func (a admin) connections(*http.Request) (any, error) {
	return connectionsJSON{a.qm.Connections(), a.qm.ConnectionCounts()}, nil
}

type mqscJSON struct {
	Script string `json:"script"`
}

type ignoredJSON struct {
	Ignored []string `json:"ignored"`
}

func (a admin) mqsc(r *http.Request) (any, error) {
	var m mqscJSON
	if err := read(r, &m); err != nil {
		return nil, err
	}
	before := len(a.qm.Ignored())
	if err := a.qm.MQSC(m.Script); err != nil {
		return nil, err
	}
	return ignoredJSON{a.qm.Ignored()[before:]}, nil
}

type numbersJSON struct {
	Numbers []int `json:"numbers"`
}

func (a admin) inject(r *http.Request) (any, error) {
	var j faultJSON
	if err := read(r, &j); err != nil {
		return nil, err
	}
	fault, err := j.fault()
	if err == nil {
		err = fault.check()
	}
	if err != nil {
		return nil, err
	}
	return numbersJSON{a.qm.Inject(fault)}, nil
}

func (a admin) clear(r *http.Request) (any, error) {
	text := r.PathValue("number")
	if text == "" {
		a.qm.Clear()
		return a.faults(r)
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("mqtest: %q is not the number of a fault", text)
	}
	a.qm.Clear(number)
	return a.faults(r)
}

type faultsJSON struct {
	Injected []injectedJSON    `json:"injected"`
	Struck   map[FaultKind]int `json:"struck"`
}

type injectedJSON struct {
	Number int       `json:"number"`
	Kind   FaultKind `json:"kind"`
	Fault  faultJSON `json:"fault"`
	Calls  int       `json:"calls"`
	Struck int       `json:"struck"`
	Spent  bool      `json:"spent"`
}

func (a admin) faults(*http.Request) (any, error) {
	all := faultsJSON{Injected: []injectedJSON{}, Struck: a.qm.Struck()}
	for _, i := range a.qm.Faults() {
		all.Injected = append(all.Injected, injectedJSON{
			Number: i.Number, Kind: i.Fault.Kind(), Fault: jsonOf(i.Fault), Calls: i.Calls, Struck: i.Struck, Spent: i.Spent,
		})
	}
	return all, nil
}
