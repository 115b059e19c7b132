package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// constants are the MQI's constants as mq-golang tables them (ibmmq/cmqc_*.go, Apache-2.0). They are turned into headers
// when the library is built, from the very version of mq-golang that the program under test uses, so that nothing of
// that table is copied into this repository and the two cannot differ.
type constants struct {
	names  []string // in the order of the table
	values map[string]constant.Value
}

func readConstants(file string) (*constants, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	c := &constants{values: make(map[string]constant.Value)}
	for _, d := range parsed.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, spec := range g.Specs {
			spec := spec.(*ast.ValueSpec)
			for i, name := range spec.Names {
				if i >= len(spec.Values) || !strings.HasPrefix(name.Name, "MQ") {
					continue
				}
				value := literalValue(spec.Values[i])
				if value.Kind() == constant.Unknown {
					return nil, fmt.Errorf("%s: %s is not a plain value", file, name.Name)
				}
				c.names = append(c.names, name.Name)
				c.values[name.Name] = value
			}
		}
	}
	if len(c.names) == 0 {
		return nil, fmt.Errorf("%s: no constant of the MQI found", file)
	}
	return c, nil
}

func literalValue(e ast.Expr) constant.Value {
	switch e := e.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(e.Value, e.Kind, 0)
	case *ast.UnaryExpr:
		return constant.UnaryOp(e.Op, literalValue(e.X), 0)
	default:
		return constant.MakeUnknown()
	}
}

// formatLength is MQ_FORMAT_LENGTH: formats are the table's only strings, and in C they are padded with blanks.
const formatLength = 8

// header is mqi_constants.h.
func (c *constants) header() []byte {
	b := []byte("/* Made from the constant table of mq-golang. */\n#ifndef MQI_CONSTANTS_H\n#define MQI_CONSTANTS_H\n\n")
	for _, name := range c.names {
		b = fmt.Appendf(b, "#define %s %s\n", name, c.literal(name))
	}
	return append(b, "\n#endif\n"...)
}

func (c *constants) literal(name string) string {
	value := c.values[name]
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
func (c *constants) nameHeader() []byte {
	b := []byte("/* Made from the constant table of mq-golang. */\n#ifndef MQI_NAMES_H\n#define MQI_NAMES_H\n")
	for _, set := range named {
		b = fmt.Appendf(b, "\nstatic inline char *%s_STR(MQLONG value) {\n  switch (value) {\n", set)
		names := c.set(set)
		for _, value := range sortedKeys(names) {
			b = fmt.Appendf(b, "  case %d:\n    return (char *)%q;\n", value, names[value])
		}
		b = append(b, "  default:\n    return (char *)\"\";\n  }\n}\n"...)
	}
	return append(b, "\n#endif\n"...)
}

// set gives the one name of each value in a set. Bounds such as MQIA_FIRST name a value only where nothing else does.
func (c *constants) set(set string) map[int64]string {
	names := make(map[int64]string)
	for _, name := range c.names {
		rest, ok := strings.CutPrefix(name, set+"_")
		if !ok {
			continue
		}
		value, _ := constant.Int64Val(c.values[name])
		if old, taken := names[value]; !taken || isBound(strings.TrimPrefix(old, set+"_")) && !isBound(rest) {
			names[value] = name
		}
	}
	return names
}

func isBound(name string) bool {
	for _, word := range []string{"FIRST", "LAST", "LAST_USED"} {
		if name == word || strings.HasSuffix(name, "_"+word) {
			return true
		}
	}
	return false
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
