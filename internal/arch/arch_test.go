package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// listed is what go list -json tells of a package.
type listed struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
	Error      *struct{ Err string }
}

// list asks for all packages as they are built for one system. With the tag ibmmq the files that need
// IBM's headers count, too: listing does not compile.
func list(t *testing.T, goos string) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-tags=ibmmq", "-json=ImportPath,Dir,Imports,GoFiles,Error", module+"/...")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=1", "GOFLAGS=")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages = append(packages, p)
	}
}

func TestImportsFollowThePicture(t *testing.T) {
	seen := make(map[string]bool)
	for _, goos := range []string{"linux", "windows", "darwin"} {
		for _, p := range list(t, goos) {
			path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
			seen[path] = true
			if p.Error != nil && len(p.GoFiles) > 0 {
				t.Errorf("%s: %s", p.ImportPath, p.Error.Err)
			}
			for _, imported := range p.Imports {
				if err := checkImport(path, imported); err != nil {
					t.Errorf("%s: %v", goos, err)
				}
			}
		}
	}
	for _, r := range rooms {
		present := slices.ContainsFunc(slices.Collect(maps.Keys(seen)), func(p string) bool { return fits(r.path, p) })
		if !present && !r.optional {
			t.Errorf("%q is in the picture, but there is no such package", r.path)
		}
	}
}

func TestCoresHaveNoClockAndNoGoroutine(t *testing.T) {
	files := 0
	for _, p := range list(t, "linux") {
		if !strings.HasPrefix(p.ImportPath, module+"/internal/core/") {
			continue
		}
		for _, name := range p.GoFiles {
			name = filepath.Join(p.Dir, name)
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files++
			if err := checkCore(name, text); err != nil {
				t.Error(err)
			}
		}
	}
	if files == 0 {
		t.Error("no core was found")
	}
}

// clock is what package time offers beyond values.
var clock = []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTicker", "NewTimer"}

// checkCore reports each use of the clock and each go statement in a file.
func checkCore(name string, text []byte) error {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	var all []error
	wrong := func(at token.Pos, what string) { all = append(all, fmt.Errorf("%s: %s", fset.Position(at), what)) }
	local := ""
	for _, i := range file.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		switch {
		case err != nil:
			return err
		case path != "time":
		case i.Name == nil:
			local = "time"
		case i.Name.Name == ".":
			wrong(i.Pos(), "package time imported without a name")
		default:
			local = i.Name.Name
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			wrong(n.Pos(), "a go statement")
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == local && slices.Contains(clock, n.Sel.Name) {
				wrong(n.Pos(), "time."+n.Sel.Name)
			}
		}
		return true
	})
	return errors.Join(all...)
}

func TestEveryWrongImportIsFound(t *testing.T) {
	const zap, ibm, sys = "go.uber.org/zap", "github.com/ibm-messaging/mq-golang-jms20/jms20subset", "golang.org/x/sys/unix"
	for _, c := range []struct {
		path, imported string
		allowed        bool
	}{
		{"lockfile", "os", true},
		{"lockfile", sys, true},
		{"lockfile", module + "/internal/core/lease", true},
		{"lockfile", module + "/internal/core/group", false},
		{"lockfile", module + "/resource", false},
		{"resource", module + "/lockfile", false},
		{"transfer", module + "/mqconn", false},
		{"transfer", module + "/lockfile", false},
		{"transfer", module + "/transfer/mqlink", false},
		{"mqconn", module + "/transfer", false},
		{"mqconn", module + "/mqconn/mqrc", true},
		{"mqconn", module + "/mqconn/mqtest", false},
		{"mqconn/mqrc", module + "/mqconn", false},
		{"mqconn/mqtest", module + "/mqconn", true},
		{"mqconn/mqtest", module + "/transfer", false},
		{"mqconn/mqtest/qmgr", module + "/mqconn/mqtest", true},
		{"mqconn/jms20", module + "/mqconn/mqtest", false},
		{"transfer/mqlink", module + "/transfer", true},
		{"transfer/mqlink", module + "/mqconn", true},
		{"transfer/mqlink", module + "/ha", false},
		{"ha", module + "/transfer/mqlink", true},
		{"ha", module + "/mqconn/mqtest", false},
		{"ha", module + "/mqconn/jms20", false},
		{"ha", module + "/internal/core/send", false},
		{"ha/monitor", module + "/ha", true},
		{"ha/monitor", module + "/transfer", false},
		{"ha", zap, true},
		{"mqconn", zap + "/zapcore", true},
		{"transfer", zap, false},
		{"examples/agent", zap, true},
		{"mqconn/jms20", ibm, true},
		{"mqconn", ibm, false},
		{"examples/agent", ibm, false},
		{"ha", "example.org/other/module", false},
		{"internal/core/send", "time", true},
		{"internal/core/send", module + "/internal/core/stream", true},
		{"internal/core/send", module + "/transfer", false},
		{"internal/core/send", "os", false},
		{"internal/core/send", "net/netip", false},
		{"internal/core/send", "io/fs", false},
		{"internal/core/send", "sync/atomic", false},
		{"internal/core/send", sys, false},
		{"ha", module + "/internal/sim", false},
		{"transfer", module + "/examples/failover", false},
		{"internal/sim", module + "/transfer", false},
		{"examples/failover", module + "/ha", true},
		{"examples/failover", module + "/internal/core/send", false},
		{"examples/failover/outside", "crypto/sha256", true},
		{"examples/failover/outside", module + "/transfer", false},
		{"", module + "/ha", false},
		{"helpers", "fmt", false},
	} {
		err := checkImport(c.path, c.imported)
		if c.allowed && err != nil {
			t.Errorf("allowed, but: %v", err)
		}
		if !c.allowed && err == nil {
			t.Errorf("%s imports %s: not found", c.path, c.imported)
		}
	}
}

func TestEveryWayToTheClockIsFound(t *testing.T) {
	for _, c := range []struct {
		name, text string
		found      int
	}{
		{"values of time", `import "time"; var d = time.Second; func f(t time.Time) bool { return t.After(time.Time{}) }`, 0},
		{"a function of the same name", `func Now() int { return 0 }; var n = Now()`, 0},
		{"now", `import "time"; var t = time.Now()`, 1},
		{"as a value", `import "time"; var clock = time.Now`, 1},
		{"under another name", `import clock "time"; var t = clock.Now()`, 1},
		{"without a name", `import . "time"; var t = Now()`, 1},
		{"since and until", `import "time"; var d = time.Since(time.Time{}) + time.Until(time.Time{})`, 2},
		{"timers", `import "time"; var a, b = time.NewTimer(1), time.NewTicker(1); func f() { time.AfterFunc(1, f); <-time.After(1); <-time.Tick(1) }`, 5},
		{"sleep", `import "time"; func f() { time.Sleep(1) }`, 1},
		{"a goroutine", `func f() { go f(); if true { go func() {}() } }`, 2},
	} {
		err := checkCore("core.go", []byte("package core; "+c.text))
		found := 0
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			found = len(joined.Unwrap())
		}
		if found != c.found {
			t.Errorf("%s: found %d, want %d: %v", c.name, found, c.found, err)
		}
	}
}
