package mqtest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// addressMapKey names a record of TYPE(ADDRESSMAP).
type addressMapKey struct{ profile, address string }

// addressMap says as whom a client from an address runs.
type addressMap struct {
	noAccess bool   // USERSRC(NOACCESS)
	user     string // USERSRC(MAP): MCAUSER; empty: USERSRC(CHANNEL), the user that the client says
}

var (
	authenticationWords = names("TYPE ADDRESS USERSRC MCAUSER ACTION USERLIST DESCR CHCKCLNT WARN ADDRLIST CLNTUSER QMNAME " +
		"SSLPEER SSLCERTI CUSTOM")
	authenticationTypes = names("ADDRESSMAP BLOCKUSER BLOCKADDR SSLPEERMAP USERMAP QMGRMAP")
)

// setChannelAuthentication is SET CHLAUTH. ADDRESSMAP and BLOCKUSER act on server-connection channels; records of
// other types are ignored.
func (o *objects) setChannelAuthentication(c command) error {
	profile, kind, action := c.object.value, c.value("TYPE"), cmp.Or(c.value("ACTION"), "ADD")
	for _, w := range c.words {
		if !authenticationWords[w.name] {
			return w.errorf("SET CHLAUTH has no attribute %s", w.name)
		}
	}
	switch {
	case profile == "" || !validName(strings.ReplaceAll(profile, "*", ""), channelNameLength) && strings.Trim(profile, "*") != "":
		return c.object.errorf("%q cannot be the profile of a channel", profile)
	case !authenticationTypes[kind]:
		return c.object.errorf("TYPE(%s) is not known here", kind)
	case !names("ADD REPLACE REMOVE REMOVEALL")[action]:
		return c.object.errorf("ACTION(%s) is not known here", action)
	case kind == "ADDRESSMAP":
		return o.mapAddress(c, profile, action)
	case kind == "BLOCKUSER":
		o.blockUsers(profile, action, strings.Split(c.value("USERLIST"), ","))
	default:
		o.ignore(c.object, c.verb, "TYPE("+kind+")")
	}
	return nil
}

func (o *objects) mapAddress(c command, profile, action string) error {
	key := addressMapKey{profile, c.value("ADDRESS")}
	m := addressMap{user: c.value("MCAUSER")}
	switch source := cmp.Or(c.value("USERSRC"), "MAP"); {
	case action == "REMOVE":
		delete(o.addressMaps, key)
		return nil
	case action == "REMOVEALL":
		maps.DeleteFunc(o.addressMaps, func(k addressMapKey, _ addressMap) bool { return k.profile == profile })
		return nil
	case !validAddress(key.address):
		return c.object.errorf("ADDRESS(%s): need an IPv4 address, with * or a range such as 1-9 in it, or an IPv6 address", key.address)
	case source == "NOACCESS":
		m = addressMap{noAccess: true}
	case source == "CHANNEL":
		m = addressMap{}
	case source != "MAP" || m.user == "":
		return c.object.errorf("USERSRC(%s): need MAP with MCAUSER, CHANNEL or NOACCESS", source)
	}
	o.addressMaps[key] = m
	return nil
}

func (o *objects) blockUsers(profile, action string, users []string) {
	switch action {
	case "REMOVEALL", "REMOVE":
		delete(o.blockedUsers, profile)
	default:
		o.blockedUsers[profile] = users
	}
}

// authenticate gives the user that a client runs as, or refuses it. The record with the most specific
// profile decides, and among those the one with the most specific address.
func (o *objects) authenticate(c connectRequest) (user string, r mqrc.Reason) {
	user = c.user
	if o.authenticationOff {
		return user, mqrc.None
	}
	var best addressMapKey
	for key := range o.addressMaps {
		if matches(key.profile, c.channel) && matchesAddress(key.address, c.host) &&
			(best.profile == "" || key.moreSpecificThan(best)) {
			best = key
		}
	}
	if m := o.addressMaps[best]; m.noAccess {
		return "", mqrc.NotAuthorized
	} else if m.user != "" {
		user = m.user
	}
	for profile, users := range o.blockedUsers {
		if matches(profile, c.channel) && slices.ContainsFunc(users, func(blocked string) bool {
			return blocked == "*" || blocked == user || blocked == "*MQADMIN" && user == "mqm"
		}) {
			return "", mqrc.NotAuthorized
		}
	}
	return user, mqrc.None
}

func (k addressMapKey) moreSpecificThan(other addressMapKey) bool {
	specific := func(s string) int { // an exact one before any other, then the one that says most
		if !strings.ContainsAny(s, "*-") {
			return 1000
		}
		return len(s)
	}
	return cmp.Or(cmp.Compare(specific(k.profile), specific(other.profile)),
		cmp.Compare(specific(k.address), specific(other.address)),
		cmp.Compare(k.profile+k.address, other.profile+other.address)) > 0
}

// matches compares a name with a profile, in which * stands for any characters.
func matches(profile, name string) bool {
	first, rest, generic := strings.Cut(profile, "*")
	if !generic {
		return profile == name
	}
	name, ok := strings.CutPrefix(name, first)
	for i := 0; ok && i <= len(name); i++ {
		if matches(rest, name[i:]) {
			return true
		}
	}
	return false
}

func validAddress(pattern string) bool {
	if strings.Contains(pattern, ":") {
		return true
	}
	parts := strings.Split(pattern, ".")
	return len(parts) <= 4 && !slices.ContainsFunc(parts, func(part string) bool {
		low, high := addressRange(part)
		return low < 0 || high < low
	}) && (len(parts) == 4 || parts[len(parts)-1] == "*")
}

// addressRange of one part of a pattern; low is negative for what is none.
func addressRange(part string) (low, high int) {
	if part == "*" {
		return 0, 255
	}
	first, last, isRange := strings.Cut(part, "-")
	low, err := strconv.Atoi(first)
	if high = low; err == nil && isRange {
		high, err = strconv.Atoi(last)
	}
	if err != nil || high > 255 {
		return -1, -1
	}
	return low, high
}

func matchesAddress(pattern, address string) bool {
	if pattern == "*" || pattern == address {
		return true
	}
	parts, numbers := strings.Split(pattern, "."), strings.Split(address, ".")
	if len(numbers) != 4 || !validAddress(pattern) {
		return false
	}
	for i, part := range parts {
		n, err := strconv.Atoi(numbers[i])
		low, high := addressRange(part)
		if err != nil || n < low || n > high {
			return false
		}
	}
	return true
}

// authenticationScript writes the records so that MQSC reads them back.
func (o *objects) authenticationScript() []string {
	var lines []string
	for key, m := range o.addressMaps {
		source := "USERSRC(CHANNEL)"
		switch {
		case m.noAccess:
			source = "USERSRC(NOACCESS)"
		case m.user != "":
			source = fmt.Sprintf("USERSRC(MAP) MCAUSER('%s')", quoted(m.user))
		}
		lines = append(lines, fmt.Sprintf("SET CHLAUTH('%s') TYPE(ADDRESSMAP) ADDRESS('%s') %s ACTION(REPLACE)", key.profile, key.address, source))
	}
	for profile, users := range o.blockedUsers {
		lines = append(lines, fmt.Sprintf("SET CHLAUTH('%s') TYPE(BLOCKUSER) USERLIST('%s') ACTION(REPLACE)",
			profile, quoted(strings.Join(users, ","))))
	}
	slices.Sort(lines)
	return lines
}

// quoted doubles the quotes in a value.
func quoted(s string) string { return strings.ReplaceAll(s, "'", "''") }
