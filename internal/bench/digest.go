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
	treeDigest   digest = "tree" // SHA-256 of each frame, and of these; of REF alone
)

// withDigest has an engine prove files with d. The error is why it cannot; it stands in the report.
func withDigest(o transfer.Options, d digest) (transfer.Options, error) {
	switch d {
	case sha256Digest:
		o.Digest = transfer.SHA256
		return o, nil
	case crcDigest:
		o.Digest = transfer.CRC32C
		return o, nil
	}
	return o, errors.New("no such digest: " + string(d))
}
