package main

import (
	"errors"

	"github.com/mqha/mqha/transfer"
)

// digest is how the whole of a file is proven.
type digest string

const (
	crcDigest    digest = "crc" // combined from the CRC32C of the frames
	sha256Digest digest = "sha256"
	treeDigest   digest = "tree" // SHA-256 of leaves, on several cores
)

// withDigest has an engine prove files with d. The error is why it cannot; it stands in the report. This
// is the one place that changes when the engine learns another digest.
func withDigest(o transfer.Options, d digest) (transfer.Options, error) {
	switch d {
	case sha256Digest:
		o.Digest = transfer.SHA256
		return o, nil
	case crcDigest:
		o.Digest = transfer.CRC32C
		return o, nil
	case treeDigest:
		return o, errors.New("package transfer has no tree digest yet")
	}
	return o, errors.New("no such digest: " + string(d))
}
