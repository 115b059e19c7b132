//go:build ibmmq && cgo

package ibmmq

import (
	"bytes"
	"context"
	"errors"
	"os"
	"runtime/debug"

	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// Library is the module path of the client library.
const Library = "github.com/ibm-messaging/mq-golang/v5"

// New returns a Dialer of connections through mq-golang. An error says which option cannot be.
func New(o Options) (mqconn.Dialer, error) { return NewWithMQCNO(o, nil) }

// NewWithMQCNO is New with a last word for the program: change is called with the connection options
// of each connection, for what Options do not have. It may be called by several goroutines at once.
// Automatic reconnection stays off whatever it does.
func NewWithMQCNO(o Options, change func(*mqi.MQCNO)) (mqconn.Dialer, error) {
	o, err := o.WithDefaults()
	if err != nil {
		return nil, err
	}
	return &dialer{options: o, change: change}, nil
}

type dialer struct {
	options Options
	change  func(*mqi.MQCNO)
}

// ConnectOptions are the options of MQCONNX for one connection, as New's Dialer uses them. An error
// is a *mqconn.Fault.
func ConnectOptions(o Options, d mqconn.DialOptions, change func(*mqi.MQCNO)) (*mqi.MQCNO, error) {
	cno := mqi.NewMQCNO()
	cno.ApplName = o.AppName
	if cno.ApplName == "" {
		cno.ApplName = d.Role
	}
	if o.User != "" {
		csp := mqi.NewMQCSP()
		csp.AuthenticationType = mqi.MQCSP_AUTH_USER_ID_AND_PWD
		csp.UserId, csp.Password = o.User, o.Password
		cno.SecurityParms = csp
	}
	if o.Bindings {
		cno.Options = mqi.MQCNO_LOCAL_BINDING
	} else if err := addClient(cno, o, d.Endpoint); err != nil {
		return nil, err
	}
	if change != nil {
		change(cno)
	}
	if !o.Bindings {
		// mqclient.ini or a channel's DEFRECON could switch reconnection on behind our back, and
		// the exclusive handles that fence an agent would be lost without anybody being told.
		cno.Options &^= mqi.MQCNO_RECONNECT | mqi.MQCNO_RECONNECT_Q_MGR
		cno.Options |= mqi.MQCNO_RECONNECT_DISABLED
	}
	return cno, nil
}

func addClient(cno *mqi.MQCNO, o Options, endpoint string) error {
	cno.Options = mqi.MQCNO_CLIENT_BINDING
	cno.CCDTUrl = o.CCDTURL
	if o.CCDTURL == "" && (o.Channel != "" || endpoint != "") {
		name, err := connectionName(endpoint)
		if err != nil {
			return refuse(mqrc.CDError, err)
		}
		if o.Channel == "" || name == "" {
			return refuse(mqrc.CDError, errors.New("channel and endpoint are needed together"))
		}
		cd := mqi.NewMQCD()
		cd.ChannelName, cd.ConnectionName = o.Channel, name
		// NewMQCD's 4 MiB would be a limit of its own: what is longer is refused with 2010
		// before it is sent (mq-golang issue 118).
		cd.MaxMsgLength = int32(o.MaxMessage)
		cd.SSLCipherSpec, cd.SSLPeerName = o.CipherSpec, o.PeerName
		cno.ClientConn = cd
	}
	if o.KeyRepository != "" {
		sco := mqi.NewMQSCO()
		sco.KeyRepository, sco.CertificateLabel = o.KeyRepository, o.CertificateLabel
		if o.KeyRepositoryPasswordFile != "" {
			text, err := os.ReadFile(o.KeyRepositoryPasswordFile)
			if err != nil {
				return refuse(mqrc.KeyRepositoryError, err)
			}
			line, _, _ := bytes.Cut(text, []byte("\n"))
			sco.KeyRepoPassword = string(bytes.TrimRight(line, "\r"))
		}
		cno.SSLConfig = sco
	}
	return nil
}

func refuse(r mqrc.Reason, err error) error {
	return &mqconn.Fault{Verb: mqconn.VerbConnect, CompletionCode: mqi.MQCC_FAILED, Reason: r, Err: err}
}

// Dial connects. MQCONNX cannot be interrupted: it returns when it returns, and a connection that
// comes after the end of ctx is given back.
func (d *dialer) Dial(ctx context.Context, o mqconn.DialOptions) (mqconn.Transport, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cno, err := ConnectOptions(d.options, o, d.change)
	if err != nil {
		return nil, err
	}
	manager, err := mqi.Connx(d.options.QueueManager, cno)
	if failed(err) {
		return nil, fault(err, mqconn.Fault{Verb: mqconn.VerbConnect, Bindings: d.options.Bindings})
	}
	t := newTransport(&manager, d.options, o)
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// Version is the version of a module that this program was built with, or "unknown" where the
// program was built without that information.
func Version(module string) string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range build.Deps {
		if m.Path == module {
			if m.Replace != nil {
				m = m.Replace
			}
			return m.Version
		}
	}
	return "unknown"
}
