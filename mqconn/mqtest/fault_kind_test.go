package mqtest_test

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mqha/mqha/mqconn/mqtest"
)

// A kind without a row was known to nobody: every test of all faults, here and in programs, goes by FaultKinds, and
// would have passed without it. So the list is compared with the constants in the source.
func TestEveryKindOfFaultHasItsRow(t *testing.T) {
	listed := map[mqtest.FaultKind]int{}
	for _, row := range mqtest.FaultKinds() {
		listed[row.Kind]++
	}
	kinds := declaredKinds(t)
	if len(kinds) == 0 {
		t.Fatal("no kind was found in the source")
	}
	for name, kind := range kinds {
		if listed[kind] != 1 {
			t.Errorf("%s (%q) has %d rows in FaultKinds", name, kind, listed[kind])
		}
		delete(listed, kind)
	}
	for kind := range listed {
		t.Errorf("FaultKinds has a row for %q, which is no constant", kind)
	}
}

// declaredKinds gives the constants of type FaultKind, however they are written.
func declaredKinds(t *testing.T) map[string]mqtest.FaultKind {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	// What is imported is not looked for, and some names are there once for each operating system: the constants
	// need neither.
	passOver := types.Config{IgnoreFuncBodies: true, Error: func(error) {}}
	pkg, _ := passOver.Check("mqtest", set, files, nil)
	kinds := map[string]mqtest.FaultKind{}
	for _, name := range pkg.Scope().Names() {
		c, ok := pkg.Scope().Lookup(name).(*types.Const)
		if !ok {
			continue
		}
		if named, ok := c.Type().(*types.Named); ok && named.Obj().Name() == "FaultKind" {
			kinds[name] = mqtest.FaultKind(constant.StringVal(c.Val()))
		}
	}
	return kinds
}
