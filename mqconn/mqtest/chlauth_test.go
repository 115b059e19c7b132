package mqtest_test

import (
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

func TestChannelAuthenticationDecidesWhoComesInAndAsWhom(t *testing.T) {
	for _, row := range []struct {
		name, script, user string
		want               string // the user that messages carry; empty: refused
	}{
		{"no record", "", "app", "app"},
		{"no access", "SET CHLAUTH('MQHA.SVRCONN') TYPE(ADDRESSMAP) ADDRESS('*') USERSRC(NOACCESS)", "app", ""},
		{"another channel", "SET CHLAUTH('OTHER.*') TYPE(ADDRESSMAP) ADDRESS('*') USERSRC(NOACCESS)", "app", "app"},
		{"switched off", "SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('*') USERSRC(NOACCESS)\nALTER QMGR CHLAUTH(DISABLED)", "app", "app"},
		{"the more specific address", "SET CHLAUTH('MQHA.*') TYPE(ADDRESSMAP) ADDRESS('*') USERSRC(NOACCESS)\n" +
			"SET CHLAUTH('MQHA.*') TYPE(ADDRESSMAP) ADDRESS('127.0.*') USERSRC(CHANNEL)", "app", "app"},
		{"the more specific channel", "SET CHLAUTH('MQHA.*') TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)\n" +
			"SET CHLAUTH('MQHA.SVRCONN') TYPE(ADDRESSMAP) ADDRESS('127.*') USERSRC(NOACCESS)", "app", ""},
		{"a range", "SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('127.0.0.2-9') USERSRC(NOACCESS)\n" +
			"SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('126-127.0.0.0-1') MCAUSER('mapped')", "app", "mapped"},
		{"an address before a range", "SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('127.0.0.1-9') USERSRC(NOACCESS)\n" +
			"SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)", "app", "app"},
		{"removed", "SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('*') USERSRC(NOACCESS)\n" +
			"SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('*') ACTION(REMOVE)", "app", "app"},
		{"all removed", "SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('*') USERSRC(NOACCESS)\n" +
			"SET CHLAUTH('*') TYPE(ADDRESSMAP) ACTION(REMOVEALL)", "app", "app"},
		{"blocked", "SET CHLAUTH('*') TYPE(BLOCKUSER) USERLIST('other','app')", "app", ""},
		{"an administrator", "SET CHLAUTH('*') TYPE(BLOCKUSER) USERLIST('*MQADMIN')", "mqm", ""},
		{"not blocked", "SET CHLAUTH('*') TYPE(BLOCKUSER) USERLIST('*MQADMIN')", "app", "app"},
		{"blocked once more", "SET CHLAUTH('*') TYPE(BLOCKUSER) USERLIST('app')\nSET CHLAUTH('*') TYPE(BLOCKUSER) ACTION(REMOVEALL)", "app", "app"},
		{"blocked as mapped", "SET CHLAUTH('*') TYPE(BLOCKUSER) USERLIST('mapped')\n" +
			"SET CHLAUTH('*.SVR*') TYPE(ADDRESSMAP) ADDRESS('*') MCAUSER('mapped')", "app", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			qm := mqtest.New(t, mqtest.Options{MQSC: definitions + row.script})
			c, err := mqtest.TCP{User: row.user}.Dial(t.Context(), mqconn.DialOptions{Endpoint: serve(t, qm)})
			if row.want == "" {
				wantReason(t, err, mqrc.NotAuthorized)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			put(t, c, "A", "x", false)
			if m := get(t, c, "A", "x"); m.UserID != row.want {
				t.Errorf("user %q, want %q", m.UserID, row.want)
			}
			put(t, dial(t, qm.Dialer(), "", false), "A", "local bindings have no channel", false)
		})
	}
}
