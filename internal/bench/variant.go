package main

import (
	"context"

	"github.com/mqha/mqha/transfer"
)

// variant is one way to copy the file.
type variant struct {
	name    string
	what    string
	missing func() error // why it cannot be measured here; nil: it can
	run     func(ctx context.Context, s *site) (sample, error)
	noCopy  bool // what it leaves is no copy of the source
}

const (
	mib      = 1 << 20
	interval = 16 * mib // between two checkpoints, where nothing else is said
)

// variants are in the order of the report.
var variants = []variant{
	{name: "raw", what: "writer of REF alone", run: child("raw", crcDigest, interval), noCopy: true},
	{name: "disk", what: "the same, begun early and with one sync in the end: what the disk takes", run: child("disk", crcDigest, -1), noCopy: true},
	{name: "serial", what: "read, SHA-256, write, then fsync", run: child("serial", sha256Digest, 0)},
	{name: "ref-crc", what: "REF, CRC32C", run: child("ref", crcDigest, interval)},
	{name: "ref-sha256", what: "REF, SHA-256", run: child("ref", sha256Digest, interval)},
	{name: "ref-crc-final", what: "REF, CRC32C, one sync in the end", run: child("ref", crcDigest, -1)},
	{name: "ref-sha256-final", what: "REF, SHA-256, one sync in the end", run: child("ref", sha256Digest, -1)},
	{name: "ref-tree", what: "REF, SHA-256 of each frame instead of its CRC32C", run: child("ref", treeDigest, interval)},
	{name: "ref-tcp-crc", what: "REF over TCP, CRC32C", run: pair("ref", crcDigest)},
	{name: "ref-tcp-sha256", what: "REF over TCP, SHA-256", run: pair("ref", sha256Digest)},
	engine("crc", crcDigest, interval),
	engine("crc-8MiB", crcDigest, 8*mib),
	engine("crc-4MiB", crcDigest, 4*mib),
	engine("crc-final", crcDigest, -1),
	engine("sha256", sha256Digest, interval),
	engine("sha256-8MiB", sha256Digest, 8*mib),
	engine("sha256-4MiB", sha256Digest, 4*mib),
	engine("sha256-final", sha256Digest, -1),
	engineOverTCP("tcp-crc", crcDigest),
	engineOverTCP("tcp-sha256", sha256Digest),
	{name: "engine-resume", what: "engine, the last 5 %, SHA-256", missing: lacking(sha256Digest),
		run: func(ctx context.Context, s *site) (sample, error) { return runResume(ctx, s, sha256Digest) }},
	{name: "cp", what: "cp, sync -d", missing: needing("cp", "sync"), run: runCopyAndSync},
	{name: "rsync", what: "rsync -W --fsync", missing: needing("rsync"), run: runRsync},
	{name: "rsyncd", what: "rsync -W --fsync to rsyncd over TCP", missing: needing("rsync"), run: runRsyncDaemon},
	{name: "rclone", what: "rclone copyto (not durable)", missing: needing("rclone"), run: runRclone},
	{name: "sftp", what: "sftp put -f to sshd over TCP", missing: needing("sftp", "sshd", "ssh-keygen"), run: runSFTP},
	{name: "rsync-partial", what: "rsync --partial, the last 5 %", missing: needing("rsync"),
		run: runRsyncResume("--partial", "--no-whole-file")},
	{name: "rsync-append", what: "rsync --append-verify, the last 5 %", missing: needing("rsync"),
		run: runRsyncResume("--append-verify")},
}

func engine(name string, d digest, checkpoint int64) variant {
	every, lost := byteCount(checkpoint), byteCount(2*checkpoint)
	what := "engine, " + string(d) + ", a checkpoint every " + every.String() + ", so Options.CheckpointBytes " + lost.String()
	if checkpoint < 0 {
		what = "engine, " + string(d) + ", one sync in the end"
	}
	return variant{name: "engine-" + name, what: what, missing: lacking(d), run: child("engine", d, checkpoint)}
}

func engineOverTCP(name string, d digest) variant {
	return variant{name: "engine-" + name, what: "engine over TCP, " + string(d), missing: lacking(d), run: pair("engine", d)}
}

func child(do string, d digest, checkpoint int64) func(context.Context, *site) (sample, error) {
	return func(ctx context.Context, s *site) (sample, error) {
		return runChild(ctx, s, s.task(do, d, checkpoint))
	}
}

func pair(do string, d digest) func(context.Context, *site) (sample, error) {
	return func(ctx context.Context, s *site) (sample, error) {
		return runPair(ctx, s, s.task(do+" send", d, interval), s.task(do+" receive", d, interval))
	}
}

func lacking(d digest) func() error {
	return func() error {
		_, err := withDigest(transfer.Options{}, d)
		return err
	}
}

func needing(programs ...string) func() error {
	return func() error {
		_, err := lookFor(programs...)
		return err
	}
}
