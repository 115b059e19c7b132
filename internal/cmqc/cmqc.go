// Package cmqc reads the constants of the MQI as mq-golang tables them (ibmmq/cmqc_*.go). The header
// files of the C double of the MQ client and the names of package mqrc are both made from what it
// reads, so that they cannot differ.
package cmqc

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"strings"
)

// Table is the constants of one file.
type Table struct {
	Names  []string // in the order of the table
	Values map[string]constant.Value
}

// Read reads a file whose constants are plain values. Only names that begin with MQ count.
func Read(file string) (*Table, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	t := &Table{Values: make(map[string]constant.Value)}
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
				t.Names = append(t.Names, name.Name)
				t.Values[name.Name] = value
			}
		}
	}
	if len(t.Names) == 0 {
		return nil, fmt.Errorf("%s: no constant of the MQI found", file)
	}
	return t, nil
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

// Set gives the one name of each value in a set, such as MQRC. Bounds such as MQIA_FIRST name a value
// only where nothing else does.
func (t *Table) Set(set string) map[int64]string {
	names := make(map[int64]string)
	for _, name := range t.Names {
		rest, ok := strings.CutPrefix(name, set+"_")
		if !ok {
			continue
		}
		value, _ := constant.Int64Val(t.Values[name])
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
