package lockfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestShareBehindALinkIsANetworkFileSystem: the letter of the drive decided, so that a lock on a share behind a directory
// link, or on a cluster shared volume, had the deadline of a local disk.
func TestShareBehindALinkIsANetworkFileSystem(t *testing.T) {
	for _, x := range []struct {
		path, kind string
		network    bool
	}{
		{`\\?\UNC\filer\mq\agent.lck`, "NTFS", true},
		{`\\?\C:\ClusterStorage\Volume1\agent.lck`, "CSVFS", true},
		{`\\?\C:\mqha\agent.lck`, "NTFS", false},
		{"", "", false},
	} {
		if isNetwork(x.path, x.kind) != x.network {
			t.Errorf("%+v", x)
		}
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "agent.lck"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if path := finalPath(f); !strings.HasPrefix(path, `\\?\`) || filepath.Base(path) != "agent.lck" {
		t.Errorf("the path of an open file is %q", path)
	}
	if local, _, err := fileSystem(f); err != nil || !local {
		t.Errorf("the disk of this machine is local: %v, %v", local, err)
	}
}
