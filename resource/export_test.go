package resource

import "os"

// For tests outside the package.
var ReadLines = readLines

const MaxLine = maxLine

// WithDefaults is what a Group makes of p.
func (p Policy) WithDefaults() Policy { return p.withDefaults() }

// SetFlush replaces the fsync of p, for a disk that does not answer.
func (p *Path) SetFlush(flush func(*os.File) error) { p.flush = flush }

// FailWishes makes a step of saving a wish fail: sync, rename or syncDir, or syncDir and all that is tried after it;
// an empty name: none.
func (g *Group) FailWishes(step string, err error) {
	g.disk = realDisk()
	switch step {
	case "sync":
		g.disk.sync = func(*os.File) error { return err }
	case "rename":
		g.disk.rename = func(string, string) error { return err }
	case "syncDir":
		g.disk.syncDir = func(string) error { return err }
	case "syncDir, and all after it":
		var now error
		g.disk.syncDir = func(string) error { now = err; return now }
		g.disk.remove = func(string) error { return now }
		g.disk.sync = func(f *os.File) error {
			if now != nil {
				return now
			}
			return f.Sync()
		}
	}
}
