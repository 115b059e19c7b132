package ocf

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Values are the parameters of one resource, with defaults, checked against their Kind.
type Values struct {
	Instance string // the resource's name in the cluster
	text     map[string]string
}

// Text is the value of a parameter; empty if it has none.
func (v Values) Text(name string) string { return v.text[name] }

// Integer is the value of a parameter of that kind; 0 if it has none.
func (v Values) Integer(name string) int {
	n, _ := strconv.Atoi(v.text[name]) // checked
	return n
}

// Boolean is the value of a parameter of that kind; false if it has none.
func (v Values) Boolean(name string) bool {
	b, _ := parseBoolean(v.text[name])
	return b
}

// Duration is the value of a parameter of that kind; 0 if it has none.
func (v Values) Duration(name string) time.Duration {
	d, _ := parseDuration(v.text[name])
	return d
}

// values reads the parameters from an environment.
func (m Metadata) values(getenv func(string) string) (Values, error) {
	v := Values{Instance: getenv("OCF_RESOURCE_INSTANCE"), text: map[string]string{}}
	if v.Instance == "" {
		return v, Errorf(Args, "OCF_RESOURCE_INSTANCE is not set: this program is called by a cluster manager")
	}
	for _, p := range m.Parameters {
		value := getenv("OCF_RESKEY_" + p.Name)
		if value == "" {
			value = p.Default
		}
		if value == "" {
			if p.Required {
				return v, Errorf(Configured, "parameter %s is required", p.Name)
			}
			continue
		}
		if err := p.Kind.check(value); err != nil {
			return v, Errorf(Configured, "parameter %s: %w", p.Name, err)
		}
		v.text[p.Name] = value
	}
	return v, nil
}

func (k Kind) check(value string) (err error) {
	switch k {
	case Integer:
		_, err = strconv.Atoi(value)
	case Boolean:
		_, err = parseBoolean(value)
	case Duration:
		_, err = parseDuration(value)
	}
	return err
}

// parseBoolean knows the words of ocf_is_true and their opposites.
func parseBoolean(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "yes", "true", "1", "on", "y", "t":
		return true, nil
	case "no", "false", "0", "off", "n", "f":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no", s)
}

// parseDuration knows the units of Pacemaker: a number alone is seconds.
func parseDuration(s string) (time.Duration, error) {
	number := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit, ok := map[string]time.Duration{"": time.Second, "s": time.Second, "sec": time.Second, "ms": time.Millisecond,
		"msec": time.Millisecond, "us": time.Microsecond, "usec": time.Microsecond, "m": time.Minute, "min": time.Minute,
		"h": time.Hour, "hr": time.Hour}[strings.ToLower(s[len(number):])]
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || !ok || n < 0 || n > int64(1<<62)/int64(unit) {
		return 0, fmt.Errorf("%q is not a time such as 90, 90s, 2min or 500ms", s)
	}
	return time.Duration(n) * unit, nil
}
