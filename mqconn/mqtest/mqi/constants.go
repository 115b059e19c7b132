package main

import (
	"cmp"
	"fmt"
	"go/constant"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mqha/mqha/internal/cmqc"
)

// constants are the MQI's constants as mq-golang tables them (ibmmq/cmqc_*.go, Apache-2.0). They are turned into headers
// when the library is built, from the very version of mq-golang that the program under test uses, so that the two cannot
// differ. The names of package mqrc are made from the same table.
type constants struct{ *cmqc.Table }

func readConstants(file string) (constants, error) {
	t, err := cmqc.Read(file)
	return constants{t}, err
}

// formatLength is MQ_FORMAT_LENGTH: formats are the table's only strings, and in C they are padded with blanks.
const formatLength = 8

// header is mqi_constants.h.
func (c constants) header() []byte {
	b := []byte("/* Made from the constant table of mq-golang. */\n#ifndef MQI_CONSTANTS_H\n#define MQI_CONSTANTS_H\n\n")
	for _, name := range c.Names {
		b = fmt.Appendf(b, "#define %s %s\n", name, c.literal(name))
	}
	return append(b, "\n#endif\n"...)
}

func (c constants) literal(name string) string {
	value := c.Values[name]
	if value.Kind() == constant.String {
		return strconv.Quote(fmt.Sprintf("%-*s", formatLength, constant.StringVal(value)))
	}
	n, _ := constant.Int64Val(value)
	switch {
	case isCharacter(name):
		return strconv.QuoteRune(rune(n))
	case n == -1<<31:
		return "(-2147483647 - 1)" // C has no negative literals
	case n < 0:
		return "(" + strconv.FormatInt(n, 10) + ")"
	default:
		return strconv.FormatInt(n, 10)
	}
}

// isCharacter names the three sets whose C constants are characters.
func isCharacter(name string) bool {
	set, _, _ := strings.Cut(name, "_")
	return set == "MQGS" || set == "MQSS" || set == "MQSEG"
}

// named are the sets that mq-golang asks names of, each by its own function MQxx_STR.
var named = []string{
	"MQBACF", "MQCA", "MQCACF", "MQCACH", "MQCAMO", "MQCC", "MQCHT", "MQCMD", "MQIA", "MQIACF", "MQIACH", "MQIAMO",
	"MQIAMO64", "MQOT", "MQPL", "MQRC", "MQRCCF",
}

// nameHeader is mqi_names.h.
func (c constants) nameHeader() []byte {
	b := []byte("/* Made from the constant table of mq-golang. */\n#ifndef MQI_NAMES_H\n#define MQI_NAMES_H\n")
	for _, set := range named {
		b = fmt.Appendf(b, "\nstatic inline char *%s_STR(MQLONG value) {\n  switch (value) {\n", set)
		names := c.Set(set)
		for _, value := range sortedKeys(names) {
			b = fmt.Appendf(b, "  case %d:\n    return (char *)%q;\n", value, names[value])
		}
		b = append(b, "  default:\n    return (char *)\"\";\n  }\n}\n"...)
	}
	return append(b, "\n#endif\n"...)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
