package arch

import (
	"fmt"
	"slices"
	"strings"
)

const module = "github.com/mqha/mqha"

// room is one package of the picture, or all packages below a folder if its path ends with a slash.
type room struct {
	path string
	// may lists what it may import from this module, in the same notation. Importing what is below a
	// room from inside that room is always allowed to the room itself.
	may []string
	// optional rooms need not be there.
	optional bool
}

// rooms is the picture. The first that fits a package counts.
var rooms = []room{
	{path: ""},
	{path: "lockfile", may: []string{"internal/core/lease", "internal/events"}},
	{path: "resource", may: []string{"internal/core/group", "internal/vfs"}},
	{path: "resource/", may: []string{"resource"}, optional: true},
	{path: "mqconn", may: []string{"mqconn/mqrc", "internal/core/connect", "internal/events"}},
	{path: "mqconn/mqrc"},
	{path: "mqconn/mqtest", may: []string{"mqconn", "mqconn/mqrc"}},
	{path: "mqconn/mqtest/", may: []string{"mqconn", "mqconn/mqrc", "mqconn/mqtest", "internal/cmqc", "internal/loopback"}},
	{path: "mqconn/jms20", may: []string{"mqconn", "mqconn/mqrc", "mqconn/ibmmq"}}, // the MQCNO is the same
	{path: "mqconn/ibmmq", may: []string{"mqconn", "mqconn/mqrc"}},
	{path: "transfer", may: []string{"internal/core/send", "internal/core/receive", "internal/core/remove", "internal/core/stream", "internal/core/credit", "internal/events", "internal/vfs"}},
	{path: "transfer/mqlink", may: []string{"transfer", "mqconn"}},
	{path: "ha", may: []string{
		"internal/core/agent", "internal/events", "lockfile", "resource", "transfer", "transfer/mqlink", "mqconn", "mqconn/mqrc", "ha/audit",
	}},
	{path: "ha/audit", optional: true},
	{path: "ha/", may: []string{"ha"}, optional: true},
	{path: "internal/core/lease", may: []string{"internal/core/"}},
	{path: "internal/core/group", may: []string{"internal/core/"}},
	{path: "internal/core/connect", may: []string{"internal/core/"}},
	{path: "internal/core/send", may: []string{"internal/core/"}},
	{path: "internal/core/remove"},
	{path: "internal/core/receive", may: []string{"internal/core/"}},
	{path: "internal/core/agent", may: []string{"internal/core/"}},
	{path: "internal/core/", may: []string{"internal/core/"}, optional: true},
	{path: "internal/sim", may: []string{"internal/core/"}},
	{path: "internal/events"},
	{path: "internal/vfs"},
	{path: "internal/vfs/crashdisk", may: []string{"internal/vfs"}},
	{path: "internal/bench", may: []string{"internal/bench/", "transfer"}},
	{path: "internal/bench/ref"}, // nothing of what it is compared with
	{path: "internal/arch"},
	{path: "internal/need"},
	{path: "internal/loopback"}, // of tests
	{path: "internal/cmqc"},
	{path: "internal/cmqc/", may: []string{"internal/cmqc"}},
	{path: "examples/failover/outside"},
	{path: "examples/", may: []string{
		"lockfile", "resource", "resource/", "mqconn", "mqconn/", "transfer", "transfer/", "ha", "ha/", "examples/",
	}},
}

// outsiders says who may import packages of other modules; whatever is not listed, nobody may. The
// keys are the beginnings of import paths.
var outsiders = map[string][]string{
	"go.uber.org/zap":                   {"mqconn", "mqconn/mqtest/faultrows", "ha", "examples/"},
	"github.com/ibm-messaging/":         {"mqconn/jms20", "mqconn/ibmmq", "examples/adopt/"}, // message code of others
	"github.com/cenkalti/backoff/":      {"mqconn"},
	"golang.org/x/sync/":                {"lockfile", "resource", "mqconn", "mqconn/mqtest", "transfer", "transfer/mqlink", "ha", "examples/", "internal/bench/"},
	"golang.org/x/sys/":                 {"lockfile", "resource", "resource/", "mqconn/mqtest", "internal/vfs", "transfer", "examples/", "internal/bench", "internal/bench/"},
	"github.com/schollz/progressbar/v3": {"examples/"},
}

// coreForbids are the packages, with all below them, through which a core could reach the world.
var coreForbids = []string{"os", "net", "io", "sync", "syscall", "log", "runtime", "unsafe", "C"}

// fits says whether a path below the module is the room, or in the folder, that pattern names.
func fits(pattern, path string) bool {
	if strings.HasSuffix(pattern, "/") {
		return strings.HasPrefix(path, pattern)
	}
	return pattern == path
}

func anyFits(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return fits(p, path) })
}

// checkImport says what is wrong with the package at path, below the module, importing imported.
func checkImport(path, imported string) error {
	i := slices.IndexFunc(rooms, func(r room) bool { return fits(r.path, path) })
	if i < 0 {
		return fmt.Errorf("%q is in no room of the picture", path)
	}
	if core := strings.HasPrefix(path, "internal/core/"); core && !strings.HasPrefix(imported, module+"/") {
		if strings.Contains(imported, ".") || slices.ContainsFunc(coreForbids, func(f string) bool {
			return imported == f || strings.HasPrefix(imported, f+"/")
		}) {
			return fmt.Errorf("%s imports %s: a core has no way to the world", path, imported)
		}
	}
	if below, ok := strings.CutPrefix(imported, module+"/"); ok {
		if !anyFits(rooms[i].may, below) {
			return fmt.Errorf("%s imports %s, which is not below it in the picture", path, below)
		}
		return nil
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return nil // the standard library
	}
	for beginning, who := range outsiders {
		if strings.HasPrefix(imported, beginning) && anyFits(who, path) {
			return nil
		}
	}
	return fmt.Errorf("%s imports %s, which it may not", path, imported)
}
