package ibmmq

import (
	"strings"
	"testing"
)

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	long := strings.Repeat("X", 49)
	for _, c := range []struct {
		o    Options
		want string // empty: accepted
	}{
		{Options{}, ""},
		{Options{QueueManager: "QMA", Channel: "MQHA.SVRCONN", User: "u", Password: "p"}, ""},
		{Options{CCDTURL: "file:///c.json", KeyRepository: "/k", CertificateLabel: "l", KeyRepositoryPasswordFile: "/p"}, ""},
		{Options{Bindings: true, QueueManager: "QMA"}, ""},
		{Options{MaxMessage: 100 << 20}, ""},
		{Options{MaxMessage: 100<<20 + 1}, "MaxMessage"},
		{Options{MaxMessage: -1}, "MaxMessage"},
		{Options{QueueManager: long}, "QueueManager"},
		{Options{Channel: long[:21]}, "Channel"},
		{Options{AppName: long[:29]}, "AppName"},
		{Options{Bindings: true, Channel: "C"}, "Bindings"},
		{Options{Bindings: true, CCDTURL: "file:///c.json"}, "Bindings"},
		{Options{Bindings: true, KeyRepository: "/k"}, "Bindings"},
		{Options{CCDTURL: "file:///c.json", Channel: "C"}, "CCDTURL"},
		{Options{CCDTURL: "file:///c.json", CipherSpec: "ANY_TLS12_OR_HIGHER"}, "CCDTURL"},
		{Options{Channel: "C", PeerName: "CN=QMA"}, "PeerName"},
		{Options{Channel: "C", CertificateLabel: "l"}, "KeyRepository"},
		{Options{Channel: "C", KeyRepositoryPasswordFile: "/p"}, "KeyRepository"},
		{Options{Channel: "C", Password: "secret"}, "Password"},
	} {
		_, err := c.o.WithDefaults()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%+v: %v", c.o, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret")):
			t.Errorf("%+v: error %v does not name %s", c.o, err, c.want)
		}
	}
	if o, err := (Options{}).WithDefaults(); err != nil || o.MaxMessage != 4<<20 {
		t.Errorf("longest message %d by default, %v", o.MaxMessage, err)
	}
}

func TestEndpointsBecomeConnectionNames(t *testing.T) {
	for endpoint, want := range map[string]string{
		"":                        "",
		"host":                    "host",
		"host(1415)":              "host(1415)",
		"host:1415":               "host(1415)",
		"a(1414),b(1414)":         "a(1414),b(1414)",
		"[::1]:1414":              "::1(1414)",
		"::1":                     "error",
		strings.Repeat("x", 265):  "error",
		"127.0.0.1:1414":          "127.0.0.1(1414)",
		"host:1415,other(1414)":   "host:1415,other(1414)",
		strings.Repeat("x", 264):  strings.Repeat("x", 264),
		"qma.bank.example.(1414)": "qma.bank.example.(1414)",
	} {
		got, err := connectionName(endpoint)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %q, %v, want %q", endpoint, got, err, want)
		}
	}
}
