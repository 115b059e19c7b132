package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// What Linux tells in /proc. Elsewhere everything is 0 or empty, and the report says nothing of it.

// machine is where it was measured.
type machine struct {
	System     string `json:"system"`
	Kernel     string `json:"kernel,omitempty"`
	Processor  string `json:"processor,omitempty"`
	Cores      int    `json:"cores"`
	Memory     int64  `json:"memory_bytes,omitempty"`
	FileSystem string `json:"file_system,omitempty"`
	Go         string `json:"go"`
}

func thisMachine(dir string) machine {
	m := machine{System: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version()}
	m.Kernel = strings.TrimSpace(readFile("/proc/sys/kernel/osrelease"))
	_, m.Processor, _ = strings.Cut(lineOf("/proc/cpuinfo", "model name"), ": ")
	m.Memory = kibibytes(lineOf("/proc/meminfo", "MemTotal:"))
	m.FileSystem = fileSystemOf(readFile("/proc/self/mounts"), dir)
	return m
}

func readFile(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(b)
}

// lineOf is the first line of a file that begins so.
func lineOf(name, beginning string) string {
	for s := bufio.NewScanner(strings.NewReader(readFile(name))); s.Scan(); {
		if strings.HasPrefix(s.Text(), beginning) {
			return s.Text()
		}
	}
	return ""
}

// kibibytes reads a line such as "VmHWM:   10444 kB" as bytes.
func kibibytes(line string) int64 {
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return 0
	}
	n, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// fileSystemOf is the type of the file system that dir is on: the longest mount point above it, the last
// of those mounted over each other.
func fileSystemOf(mounts, dir string) string {
	best, kind := -1, ""
	for line := range strings.Lines(mounts) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		if rel, err := filepath.Rel(f[1], dir); err == nil && filepath.IsLocal(rel) && len(f[1]) >= best {
			best, kind = len(f[1]), f[2]
		}
	}
	return kind
}

// peakMemory is the most that this process had in memory. The figure that the kernel hands to a waiting
// parent is of no use: it begins with the parent's own, which fork has shared with the child.
func peakMemory() int64 { return kibibytes(lineOf("/proc/self/status", "VmHWM:")) }

// bytesRead is what this process has read by system calls, from the page cache too.
func bytesRead() int64 {
	_, n, _ := strings.Cut(lineOf("/proc/self/io", "rchar:"), ": ")
	v, err := strconv.ParseInt(n, 10, 64)
	if err != nil {
		return 0
	}
	return v
}

// busySeconds is what all processors have worked for everybody since the machine was started.
func busySeconds() float64 { return busyIn([]byte(readFile("/proc/stat"))) }

const ticks = 100 // USER_HZ, a constant of the interface whatever the kernel's own clock

func busyIn(stat []byte) float64 {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	f := strings.Fields(string(line))
	if len(f) < 9 || f[0] != "cpu" {
		return 0
	}
	sum := 0.0
	for i, v := range f[1:9] {
		n, err := strconv.ParseFloat(v, 64)
		if err == nil && i != 3 && i != 4 { // idle, iowait
			sum += n
		}
	}
	return sum / ticks
}

// load is how many processes wanted to run in the last minute.
func load() float64 {
	first, _, _ := strings.Cut(readFile("/proc/loadavg"), " ")
	v, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return v
}
