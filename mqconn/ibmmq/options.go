package ibmmq

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// Options name the queue manager and how to reach it. Where it listens is said by
// mqconn.Config.Endpoints, each "host(port)", "host:port" or a list as in CONNAME.
type Options struct {
	// QueueManager to ask for; another that answers is refused (2058). Empty: the default queue
	// manager in bindings, any in client mode.
	QueueManager string
	// Channel is the server-connection channel, up to 20 characters. Empty, together with an empty
	// endpoint: the MQ client finds the channel itself, by MQSERVER or a client channel definition
	// table.
	Channel string
	// AppName is shown by DISPLAY CONN, up to 28 characters. Default: the role of the connection.
	AppName string
	// User and Password are sent in an MQCSP. An empty User sends none.
	User     string
	Password string

	// CipherSpec of the channel; empty: no TLS.
	CipherSpec string
	// KeyRepository is the path of the key store, without the suffix .kdb where that is its kind.
	KeyRepository string
	// KeyRepositoryPasswordFile is a file that holds the password of KeyRepository, in its first
	// line. It is read for each connection. Empty: a stash file beside the key store.
	KeyRepositoryPasswordFile string
	// CertificateLabel of the client's certificate; empty: ibmwebspheremq and the user's name.
	CertificateLabel string
	// PeerName is the distinguished name that the queue manager's certificate must have (SSLPEER).
	PeerName string

	// CCDTURL is a client channel definition table, file: or http: or ftp:, which then says channel
	// and address; endpoints are then no more than names for events.
	CCDTURL string
	// Bindings connects to a queue manager on this machine without a channel.
	Bindings bool
	// MaxMessage is the longest body in bytes that the connection is to carry, up to 104857600.
	// Default 4194304, the default of channels and queue managers.
	MaxMessage int
}

const (
	defaultMaxMessage = 4 << 20
	largestMaxMessage = 100 << 20 // MAXMSGL of queue managers and channels
	channelLength     = 20        // MQ_CHANNEL_NAME_LENGTH
	appNameLength     = 28        // MQ_APPL_NAME_LENGTH
	objectNameLength  = 48        // MQ_OBJECT_NAME_LENGTH
	connNameLength    = 264       // MQ_CONN_NAME_LENGTH
)

// WithDefaults fills in the defaults. An error says which option cannot be.
func (o Options) WithDefaults() (Options, error) {
	if o.MaxMessage == 0 {
		o.MaxMessage = defaultMaxMessage
	}
	client := o.Channel != "" || o.CCDTURL != "" || o.CipherSpec != "" || o.PeerName != "" || o.KeyRepository != ""
	for _, check := range []struct {
		wrong bool
		text  string
	}{
		{o.MaxMessage < 0 || o.MaxMessage > largestMaxMessage, fmt.Sprintf("MaxMessage %d is not between 1 and %d", o.MaxMessage, largestMaxMessage)},
		{len(o.QueueManager) > objectNameLength, "QueueManager is longer than 48 characters"},
		{len(o.Channel) > channelLength, "Channel is longer than 20 characters"},
		{len(o.AppName) > appNameLength, "AppName is longer than 28 characters"},
		{o.Bindings && client, "Bindings has no channel, no CCDT and no TLS"},
		{o.CCDTURL != "" && (o.Channel != "" || o.CipherSpec != "" || o.PeerName != ""), "CCDTURL says channel, cipher and peer name itself"},
		{o.PeerName != "" && o.CipherSpec == "", "PeerName needs CipherSpec"},
		{o.KeyRepository == "" && (o.CertificateLabel != "" || o.KeyRepositoryPasswordFile != ""), "CertificateLabel and KeyRepositoryPasswordFile need KeyRepository"},
		{o.User == "" && o.Password != "", "Password needs User"},
	} {
		if check.wrong {
			return o, errors.New("mqconn/ibmmq: " + check.text)
		}
	}
	return o, nil
}

// connectionName makes a CONNAME of an endpoint.
func connectionName(endpoint string) (string, error) {
	if len(endpoint) > connNameLength {
		return "", fmt.Errorf("endpoint is longer than %d characters", connNameLength)
	}
	if strings.ContainsAny(endpoint, "(,") || !strings.Contains(endpoint, ":") {
		return endpoint, nil
	}
	host, port, err := net.SplitHostPort(endpoint)
	if err != nil {
		return "", fmt.Errorf("endpoint %w", err)
	}
	return host + "(" + port + ")", nil
}
