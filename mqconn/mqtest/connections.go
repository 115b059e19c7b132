package mqtest

import (
	"cmp"
	"net"
	"slices"
)

// Library is the kind of client library that a connection was made with.
type Library string

// The kinds of client library.
const (
	LibraryInProcess Library = "in process" // Dialer
	LibraryGo        Library = "Go client"  // TCP
	LibraryC         Library = "C double"   // below mq-golang and mq-golang-jms20, see package mqi
	LibraryUnknown   Library = "unknown"
)

// What MQCONNX says in its header of the library that calls.
const (
	wireLibraryGo = 1
	wireLibraryC  = 2
)

func libraryOf(object int32) Library {
	switch object {
	case wireLibraryGo:
		return LibraryGo
	case wireLibraryC:
		return LibraryC
	default:
		return LibraryUnknown
	}
}

// Connection is an open connection.
type Connection struct {
	Application string  `json:"application"`
	User        string  `json:"user"`
	Channel     string  `json:"channel"` // empty: in process, or local bindings
	Host        string  `json:"host"`    // address of the client without its port; empty: in process
	Library     Library `json:"library"`
}

// ConnectionCount says how many connections one kind of client has and had.
type ConnectionCount struct {
	Application string  `json:"application"`
	Library     Library `json:"library"`
	Open        int     `json:"open"`
	Ever        int     `json:"ever"` // made since the start, open ones included
}

type connectionKind struct {
	application string
	library     Library
}

func (s *session) kind() connectionKind { return connectionKind{s.application, s.library} }

// Connections lists the open connections, by application name.
func (q *QueueManager) Connections() []Connection {
	all := make([]Connection, 0)
	for _, s := range q.connected() {
		all = append(all, Connection{
			Application: s.application, User: s.user, Channel: s.channel, Host: s.host, Library: s.library,
		})
	}
	slices.SortFunc(all, func(a, b Connection) int {
		return cmp.Or(cmp.Compare(a.Application, b.Application), cmp.Compare(a.Library, b.Library),
			cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Host, b.Host), cmp.Compare(a.User, b.User))
	})
	return all
}

// ConnectionCounts counts connections by application name and client library, those that have ended as well: a
// program that claims to have used IBM's library can be asked here whether it also made connections without it.
func (q *QueueManager) ConnectionCounts() []ConnectionCount {
	q.mu.Lock()
	defer q.mu.Unlock()
	open := make(map[connectionKind]int)
	for s := range q.sessions {
		open[s.kind()]++
	}
	all := make([]ConnectionCount, 0, len(q.counts))
	for kind, ever := range q.counts {
		all = append(all, ConnectionCount{Application: kind.application, Library: kind.library, Open: open[kind], Ever: ever})
	}
	slices.SortFunc(all, func(a, b ConnectionCount) int {
		return cmp.Or(cmp.Compare(a.Application, b.Application), cmp.Compare(a.Library, b.Library))
	})
	return all
}

// instances counts the connections of a channel, and those among them of one client. The caller holds the mutex.
func (q *QueueManager) instances(channel, host string) (all, ofClient int) {
	for s := range q.sessions {
		if s.channel == channel {
			all++
			if s.host == host {
				ofClient++
			}
		}
	}
	return all, ofClient
}

// hostOf is what IBM MQ counts as one client: the address that it comes from.
func hostOf(address net.Addr) string {
	host, _, err := net.SplitHostPort(address.String())
	if err != nil {
		return address.String() // a unix socket has no port
	}
	return host
}

func (q *QueueManager) maxUncommitted() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.objects.maxUncommitted
}
