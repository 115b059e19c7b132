package lockfile

import (
	"os"
	"path/filepath"
	"strconv"
)

// keepNames of the newest epoch names are never removed: a listing of a network file system that is a
// little old must still show one that is high enough.
const keepNames = 64

func namesDir(path string) string { return path + ".epochs" }

func namePath(path string, epoch uint64) string {
	return filepath.Join(namesDir(path), strconv.FormatUint(epoch, 10))
}

// listNames returns the epochs that have a name. Other files there, such as those that NFS clients
// make of open files when they are removed, count for nothing.
func listNames(path string) ([]uint64, error) {
	entries, err := os.ReadDir(namesDir(path))
	if err != nil {
		return nil, err
	}
	epochs := make([]uint64, 0, len(entries))
	for _, entry := range entries {
		n, err := strconv.ParseUint(entry.Name(), 10, 64)
		if err == nil && strconv.FormatUint(n, 10) == entry.Name() {
			epochs = append(epochs, n)
		}
	}
	return epochs, nil
}
