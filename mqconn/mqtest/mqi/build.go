package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

//go:embed include libmqm
var sources embed.FS

// errNoCompiler is why nothing can be done about a program that needs cgo.
var errNoCompiler = errors.New("no C compiler found (looked for $CC, cc, gcc and clang): install one, the double is written in C")

// compiler finds the system's C compiler.
func compiler() (string, error) {
	for _, name := range []string{os.Getenv("CC"), "cc", "gcc", "clang"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoCompiler
}

// library is a built double.
type library struct {
	dir string // with include and lib below it
	key string // hash of everything that it was built from
}

const definition = "-DMQI_DOUBLE="

// cFlags are for CGO_CFLAGS. The definition makes them differ whenever the headers do: Go's build cache does not look
// into headers outside of a package, and would go on with what it compiled against the old ones.
func (l library) cFlags() string {
	return fmt.Sprintf("-I%s %s0x%s", filepath.Join(l.dir, "include"), definition, l.key[:8])
}

// linkFlags are for CGO_LDFLAGS; they come before mq-golang's own -L/opt/mqm/lib64, so that ours is found first.
func (l library) linkFlags() string {
	lib := filepath.Join(l.dir, "lib")
	return fmt.Sprintf("-L%s -Wl,-rpath,%s", lib, lib)
}

// build gives the library made of the embedded sources and the constants of mq-golang, from cache if it was built there
// before. extra are further flags of the compiler.
func build(cache string, extra ...string) (library, error) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		return library{}, fmt.Errorf("the double is not written for %s, only for Linux and macOS", runtime.GOOS)
	}
	cc, err := compiler()
	if err != nil {
		return library{}, err
	}
	version, err := exec.Command(cc, "--version").Output()
	if err != nil {
		return library{}, fmt.Errorf("%s --version: %w", cc, err)
	}
	files, err := collect()
	if err != nil {
		return library{}, err
	}
	flags := append(compilerFlags(), extra...)
	key := hash(files, cc, string(version), strings.Join(flags, " "))
	l := library{dir: filepath.Join(cache, key[:16]), key: key}
	if _, err := os.Stat(l.dir); err == nil {
		return l, nil
	}
	return l, l.make(cache, cc, flags, files)
}

func compilerFlags() []string {
	shared := []string{"-shared"}
	if runtime.GOOS == "darwin" {
		shared = []string{"-dynamiclib", "-install_name", "@rpath/libmqm_r.dylib"}
	}
	return append(shared, "-std=gnu11", "-fPIC", "-fvisibility=hidden", "-O2", "-g", "-pthread", "-Wall", "-Wextra", "-Werror")
}

// collect gives every file that the library is built from, the generated headers among them, by its path.
func collect() (map[string][]byte, error) {
	files := make(map[string][]byte)
	err := fs.WalkDir(sources, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files[path], err = sources.ReadFile(path)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	table, err := constantTable()
	if err != nil {
		return nil, err
	}
	c, err := readConstants(table)
	if err != nil {
		return nil, err
	}
	files["include/mqi_constants.h"] = c.header()
	files["include/mqi_names.h"] = c.nameHeader()
	return files, nil
}

const golangModule = "github.com/ibm-messaging/mq-golang/v5"

// constantTable finds mq-golang's table in the module cache: of the version that the module in the working directory
// uses, which is the program under test.
func constantTable() (string, error) {
	dir, err := moduleDir(golangModule)
	if err != nil {
		return "", err
	}
	arch := "_" + runtime.GOARCH
	if runtime.GOOS == "darwin" {
		arch = ""
	}
	return filepath.Join(dir, "ibmmq", "cmqc_"+runtime.GOOS+arch+".go"), nil
}

// moduleDir is where the sources of a module are, which are downloaded if they are not there yet.
func moduleDir(module string) (string, error) {
	if dir, err := goCommand("list", "-m", "-f", "{{.Dir}}", module); err != nil {
		return "", fmt.Errorf("the working directory must be in a module that uses %s: %w", module, err)
	} else if dir != "" {
		return dir, nil
	}
	text, err := goCommand("mod", "download", "-json", module)
	if err != nil {
		return "", err
	}
	var downloaded struct{ Dir string }
	return downloaded.Dir, json.Unmarshal([]byte(text), &downloaded)
}

func goCommand(args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(problem.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

func hash(files map[string][]byte, more ...string) string {
	h := sha256.New()
	for _, path := range sortedKeys(files) {
		fmt.Fprintf(h, "%s %d\n%s", path, len(files[path]), files[path])
	}
	for _, text := range more {
		fmt.Fprintf(h, "%d\n%s", len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// make builds in a directory of its own and renames it, so that whoever finds l.dir finds it whole. Of two that build at
// once the second finds the first one's work in its way, which is as good.
func (l library) make(cache, cc string, flags []string, files map[string][]byte) error {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(cache, "building-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for path, text := range files {
		path = filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	if err := compile(dir, cc, flags, files); err != nil {
		return err
	}
	err = os.Rename(dir, l.dir)
	if _, there := os.Stat(l.dir); there == nil {
		return nil
	}
	return err
}

func compile(dir, cc string, flags []string, files map[string][]byte) error {
	if err := os.Mkdir(filepath.Join(dir, "lib"), 0o755); err != nil {
		return err
	}
	suffix := ".so"
	if runtime.GOOS == "darwin" {
		suffix = ".dylib"
	}
	args := append(slices.Clone(flags), "-Iinclude", "-o", filepath.Join("lib", "libmqm_r"+suffix))
	for _, path := range sortedKeys(files) {
		if strings.HasSuffix(path, ".c") {
			args = append(args, filepath.FromSlash(path))
		}
	}
	cmd := exec.Command(cc, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", cc, strings.Join(args, " "), err, out)
	}
	return nil
}
