package resource

import "os"

// For tests outside the package.
var ReadLines = readLines

const MaxLine = maxLine

// WithDefaults is what a Group makes of p.
func (p Policy) WithDefaults() Policy { return p.withDefaults() }

// SetFlush replaces the fsync of p, for a disk that does not answer.
func (p *Path) SetFlush(flush func(*os.File) error) { p.flush = flush }

// FailWishes makes a step of saving a wish fail: sync, rename or syncDir; an empty name: none.
func (g *Group) FailWishes(step string, err error) {
	g.disk = wishDisk{sync: (*os.File).Sync, rename: os.Rename, syncDir: syncDir}
	switch step {
	case "sync":
		g.disk.sync = func(*os.File) error { return err }
	case "rename":
		g.disk.rename = func(string, string) error { return err }
	case "syncDir":
		g.disk.syncDir = func(string) error { return err }
	}
}
