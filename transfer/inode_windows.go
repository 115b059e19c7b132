package transfer

import "io/fs"

// inode is always 0: FileInfo does not carry the file index here, so size and time alone are
// compared.
func inode(fs.FileInfo) uint64 { return 0 }
