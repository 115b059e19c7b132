package jms20

// Options name the queue manager and how to reach it. Where it listens is said by
// mqconn.Config.Endpoints, each "host(port)", "host:port" or a list as in CONNAME.
type Options struct {
	// QueueManager to ask for; another that answers is refused (2058). It is needed: the library
	// cannot ask a queue manager for its name, and Info.QueueManager is this one.
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

	// ReceiveBufferSize is the memory in bytes that the library allocates for each get, also for
	// one that finds nothing. Default 327680, which is enough for the frames of package transfer.
	// A longer message, up to MaxMessage, makes it larger for the Dialer's later connections; see
	// the package comment.
	ReceiveBufferSize int
}
