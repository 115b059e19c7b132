package mqtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// AdminPort serves Admin on a port of this machine.
type AdminPort struct {
	URL    string // "http://127.0.0.1:PORT"
	server *http.Server
	ended  chan error
}

// ServeAdmin serves Admin on a loopback address such as "127.0.0.1:0"; any other is refused, because the port has no
// password. It is not part of the queue manager: it outlives Close and Kill, so that the request to kill has an
// answer, and ends with Close.
func (q *QueueManager) ServeAdmin(address string) (*AdminPort, error) {
	if !isLoopback(address) {
		return nil, fmt.Errorf("mqtest: the admin port has no password and does not listen on %q, only on this machine's own addresses", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	p := &AdminPort{
		URL:    "http://" + l.Addr().String(),
		server: &http.Server{Handler: q.Admin(), ReadHeaderTimeout: connectTime},
		ended:  make(chan error, 1),
	}
	go func() { p.ended <- p.server.Serve(l) }()
	return p, nil
}

// adminLastWords is how long a request may take that is under way at Close.
const adminLastWords = time.Second

// Close ends the port, and requests that take longer than a second.
func (p *AdminPort) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), adminLastWords)
	defer cancel()
	err := p.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = p.server.Close()
	}
	if serving := <-p.ended; !errors.Is(serving, http.ErrServerClosed) {
		err = errors.Join(err, serving)
	}
	return err
}
