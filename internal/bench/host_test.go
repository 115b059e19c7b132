package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]byteCount{"0": 0, "17": 17, "3KiB": 3 << 10, "2GiB": 2 << 30} {
		var b byteCount
		if err := b.Set(text); err != nil || b != want || b.String() != text {
			t.Errorf("%s: %d, %s, %v", text, int64(b), &b, err)
		}
	}
	for _, text := range []string{"", "GiB", "2GB", "-1", "1.5GiB", "9999999999GiB"} {
		if err := new(byteCount).Set(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestWhatProcTells(t *testing.T) {
	if got := kibibytes("VmHWM:\t   10444 kB"); got != 10444<<10 {
		t.Errorf("peak memory %d", got)
	}
	if got := busyIn([]byte("cpu  100 10 200 5000 70 1 2 3 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n")); got != 3.16 {
		t.Errorf("busy %f", got)
	}
	mounts := "rootfs / rootfs rw 0 0\n/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\ntmpfs /tm xfs rw 0 0\n"
	for dir, want := range map[string]string{"/tmp/x": "tmpfs", "/tmp": "tmpfs", "/var": "ext4", "/tmpfile": "ext4"} {
		if got := fileSystemOf(mounts, dir); got != want {
			t.Errorf("%s: %s", dir, got)
		}
	}
	for name, got := range map[string]int64{"kibibytes": kibibytes("x"), "busy": int64(busyIn(nil)), "file system": int64(len(fileSystemOf("", "/")))} {
		if got != 0 {
			t.Errorf("%s of nothing: %d", name, got)
		}
	}
}

func TestMemoryIsGivenBackAfterTheWarmUp(t *testing.T) {
	if !warmable {
		t.Skip("this system has no warm-up")
	}
	if err := warmUp(64 * mib); err != nil {
		t.Fatal(err)
	}
	if peak := peakMemory(); peak < 64*mib {
		t.Errorf("the memory was not populated: at most %d bytes", peak)
	}
	if now := kibibytes(lineOf("/proc/self/status", "VmRSS:")); now > peakMemory()-60*mib {
		t.Errorf("%d bytes are still there, of at most %d", now, peakMemory())
	}
}

func TestCopiesThatAreNoneAreNoticed(t *testing.T) {
	b, err := newBed(t.TempDir(), 1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(b.source)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		content []byte
		want    string
	}{
		"the same":  {source, ""},
		"nothing":   {nil, "nothing was delivered"},
		"shorter":   {source[:999], "999 bytes were delivered"},
		"different": {bytes.Repeat([]byte{1}, 1000), "differs"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := b.newSite(nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.content != nil {
				if err := os.WriteFile(s.dest, tt.content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err = s.check(true)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v instead of %q", err, tt.want)
			}
			if err := s.remove(); err != nil {
				t.Error(err)
			}
		})
	}
}
