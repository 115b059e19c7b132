package ocf

import (
	"encoding/xml"
	"io"
	"strconv"
	"time"
)

// Metadata describes the agent to Pacemaker and to people.
type Metadata struct {
	Name    string // the type in ocf:<provider>:<type>
	Version string // of the agent; default "1.0"
	Short   string // one line
	Long    string // a few paragraphs
	// Parameters are what Pacemaker may set. They reach the program through Values.
	Parameters []Parameter
	// Start, Stop and Monitor are the time-outs that the agent suggests, and what an action has that
	// is not called by Pacemaker. Defaults 120 s, 120 s and 30 s. Stop should exceed what the Program
	// needs to stop in good order.
	Start, Stop, Monitor time.Duration
	// Interval is the suggested time between two monitors; default 10 s. That of depth 10 is six times
	// as long.
	Interval time.Duration
	// RunDir is the directory on this node's own disk, emptied at boot, below which the daemon and the
	// actions meet. Default: $HA_RSCTMP, else /run/resource-agents. It is made if it is missing.
	RunDir string
	// Code says which exit code an error of Program.Run deserves that is no *Error; Success: Generic.
	// Nil: always Generic.
	Code func(error) Code
}

// Parameter is one OCF_RESKEY_<Name>.
type Parameter struct {
	Name     string // letters, digits and _
	Kind     Kind
	Default  string
	Required bool
	Unique   bool // no two resources may have the same value
	Short    string
	Long     string
}

// Kind is the type of a Parameter.
type Kind string

// The kinds. A value that does not fit is refused with Configured.
const (
	Text     Kind = "" // any
	Integer  Kind = "integer"
	Boolean  Kind = "boolean" // yes, true, 1, on and their opposites
	Duration Kind = "time"    // "90", "90s", "2min", "500ms"
)

func (k Kind) name() string {
	if k == Text {
		return "string"
	}
	return string(k)
}

func (m Metadata) withDefaults() Metadata {
	set := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	if m.Version == "" {
		m.Version = "1.0"
	}
	set(&m.Start, 120*time.Second)
	set(&m.Stop, 120*time.Second)
	set(&m.Monitor, 30*time.Second)
	set(&m.Interval, 10*time.Second)
	return m
}

// The elements of ra-api-1.dtd, in its order.
type document struct {
	XMLName    xml.Name       `xml:"resource-agent"`
	Name       string         `xml:"name,attr"`
	Version    string         `xml:"version,attr"`
	API        string         `xml:"version"`
	Long       text           `xml:"longdesc"`
	Short      text           `xml:"shortdesc"`
	Parameters []parameterXML `xml:"parameters>parameter"`
	Actions    []actionXML    `xml:"actions>action"`
}

type text struct {
	Lang string `xml:"lang,attr"`
	Text string `xml:",chardata"`
}

type parameterXML struct {
	Name     string  `xml:"name,attr"`
	Required int     `xml:"required,attr"`
	Unique   int     `xml:"unique,attr"`
	Long     text    `xml:"longdesc"`
	Short    text    `xml:"shortdesc"`
	Content  content `xml:"content"`
}

type content struct {
	Type    string `xml:"type,attr"`
	Default string `xml:"default,attr,omitempty"`
}

type actionXML struct {
	Name     string `xml:"name,attr"`
	Timeout  string `xml:"timeout,attr"`
	Interval string `xml:"interval,attr,omitempty"`
	Depth    string `xml:"depth,attr,omitempty"`
}

func flag(set bool) int {
	if set {
		return 1
	}
	return 0
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10) + "s"
}

func (m Metadata) write(w io.Writer) error {
	english := func(s string) text { return text{Lang: "en", Text: s} }
	d := document{Name: m.Name, Version: m.Version, API: "1.1", Long: english(m.Long), Short: english(m.Short)}
	for _, p := range m.Parameters {
		d.Parameters = append(d.Parameters, parameterXML{Name: p.Name, Required: flag(p.Required), Unique: flag(p.Unique),
			Long: english(p.Long), Short: english(p.Short), Content: content{Type: p.Kind.name(), Default: p.Default}})
	}
	d.Actions = []actionXML{
		{Name: "start", Timeout: seconds(m.Start)},
		{Name: "stop", Timeout: seconds(m.Stop)},
		{Name: "monitor", Timeout: seconds(m.Monitor), Interval: seconds(m.Interval), Depth: "0"},
		{Name: "monitor", Timeout: seconds(m.Monitor), Interval: seconds(6 * m.Interval), Depth: "10"},
		{Name: "meta-data", Timeout: "5s"},
		{Name: "validate-all", Timeout: "30s"},
	}
	out, err := xml.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, xml.Header+"<!DOCTYPE resource-agent SYSTEM \"ra-api-1.dtd\">\n"+string(out)+"\n")
	return err
}
