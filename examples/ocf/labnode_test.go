//go:build lab && linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// nodeScript starts a node as a machine of its own: it sees no process, mount, host name or network of others.
const nodeScript = `
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /dev/shm
mount --bind "$LAB/$NODE/run" /run
mount --bind "$LAB/$NODE/pacemaker" /var/lib/pacemaker
mount --bind "$LAB/$NODE/corosync" /var/lib/corosync
mount --bind "$LAB/$NODE/etc" /etc/corosync
mount --bind "$LAB/$NODE/log" /var/log
mount --bind "$LAB/resource.d" /usr/lib/ocf/resource.d
mount --bind /usr/sbin "$LAB/realsbin"
mount --bind "$LAB/sbin" /usr/sbin
hostname "$NODE"
corosync -f &
until corosync-cmapctl runtime.config.totem.token >/dev/null 2>&1; do sleep 0.1; done
pacemakerd -f &
wait
`

// boot gives a node power.
func (c *cluster) boot(node string) {
	c.t.Helper()
	c.plugIn(node)
	c.must(os.RemoveAll(c.path(node)))
	for _, sub := range []string{"run/resource-agents", "run/lock", "corosync", "etc", "log/pacemaker", "log/cluster", "pacemaker/cib", "pacemaker/pengine", "pacemaker/blackbox", "pacemaker/cores"} {
		c.must(os.MkdirAll(c.path(node, sub), 0o755))
	}
	c.must(os.WriteFile(c.path(node, "etc", "corosync.conf"), []byte(corosyncConf()), 0o644),
		os.WriteFile(c.path(node, "pacemaker", "cib", "cib.xml"), []byte(c.cib()), 0o600))
	c.command("chown", "-R", "hacluster:haclient", c.path(node, "pacemaker"), c.path(node, "log", "pacemaker"))
	cmd := exec.Command("ip", "netns", "exec", c.namespace(node), "unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "/bin/sh", "-c", nodeScript)
	cmd.Env = append(os.Environ(), "LAB="+c.dir, "NODE="+node, "PCMK_logfile=/var/log/pacemaker/pacemaker.log", "LC_ALL=C")
	log, err := os.Create(c.path(node, "log", "console"))
	c.must(err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	c.must(cmd.Start())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[node] = cmd
}

// powerSwitch serves the fence agent until the end of the test.
func (c *cluster) powerSwitch() {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		poll := time.NewTicker(20 * time.Millisecond)
		defer poll.Stop()
		for {
			select {
			case <-poll.C:
			case <-over:
				return
			}
			for _, node := range []string{"a", "b"} {
				if os.Remove(c.path("power", node+".off")) != nil {
					continue
				}
				if c.powerOff(node) {
					c.mu.Lock()
					c.offs[node]++
					c.mu.Unlock()
				}
				if err := os.WriteFile(c.path("power", node+".done"), nil, 0o644); err != nil {
					c.t.Error(err)
				}
			}
		}
	}()
	c.t.Cleanup(func() { close(over); <-ended })
}

func (c *cluster) switched(node string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offs[node]
}

// powerOff ends a node in the middle of whatever it does: its disk takes nothing more, its link is cut, its
// processes are gone. It reports whether the node had power, and returns when nothing of it is left.
func (c *cluster) powerOff(node string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	cmd := c.nodes[node]
	if cmd == nil {
		return false
	}
	delete(c.nodes, node)
	c.soft("ip", "-n", c.namespace("sw"), "link", "del", "port-"+node) // and with it the other end
	if root, err := rootOf(cmd); err == nil && mounted(root, c.disk()) {
		if err := crashDisk(root + c.disk()); err != nil {
			c.t.Errorf("%s: %v", node, err)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	c.awaitUnused()
	c.soft("ip", "netns", "del", c.namespace(node))
	return true
}

// soft runs a command of a cleanup, which goes on after an error.
func (c *cluster) soft(name string, args ...string) {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		c.t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// crashDisk is a power failure for ext4: what was not flushed is lost (EXT4_IOC_SHUTDOWN, without the log).
func crashDisk(dir string) error {
	const ioctlShutdown, noLogFlush = 0x8004587d, 2
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.IoctlSetPointerInt(int(d.Fd()), ioctlShutdown, noLogFlush), d.Close())
}

// awaitUnused waits until no mount holds the shared disk: mounts end a moment after the last process.
func (c *cluster) awaitUnused() {
	var err error
	for range looks(20 * time.Second) {
		var fd int
		if fd, err = unix.Open(c.loop, unix.O_RDONLY|unix.O_EXCL, 0); err == nil {
			_ = unix.Close(fd)
			return
		}
	}
	c.t.Errorf("%s: %v", c.loop, err)
}

// initOf is the number, outside, of the first process of a node.
func initOf(cmd *exec.Cmd) (string, error) {
	pid := strconv.Itoa(cmd.Process.Pid)
	text, err := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
	fields := strings.Fields(string(text))
	if err == nil && len(fields) != 1 {
		err = fmt.Errorf("children of %s: %q", pid, text)
	}
	if err != nil {
		return "", err
	}
	return fields[0], nil
}

func rootOf(cmd *exec.Cmd) (string, error) {
	pid, err := initOf(cmd)
	return "/proc/" + pid + "/root", err
}

func mounted(root, dir string) bool {
	table, err := os.ReadFile(filepath.Join(filepath.Dir(root), "mountinfo"))
	return err == nil && slices.ContainsFunc(strings.Split(string(table), "\n"), func(line string) bool { return strings.Contains(line, " "+dir+" ") })
}

func (c *cluster) node(node string) *exec.Cmd {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nodes[node] == nil {
		c.t.Fatalf("node %s has no power", node)
	}
	return c.nodes[node]
}

func (c *cluster) rootOf(node string) string {
	c.t.Helper()
	root, err := rootOf(c.node(node))
	c.must(err)
	return root
}

// inside makes a command that runs on a node.
func (c *cluster) inside(node string, args ...string) *exec.Cmd {
	c.t.Helper()
	pid, err := initOf(c.node(node))
	c.must(err)
	return exec.Command("nsenter", append([]string{"--target", pid, "--all", "--"}, args...)...)
}

func (c *cluster) run(node string, args ...string) string {
	c.t.Helper()
	out, err := c.inside(node, args...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("on %s: %s: %v\n%s", node, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// pids are the processes of a node, outside.
func (c *cluster) pids(node string) []int {
	c.t.Helper()
	init, err := initOf(c.node(node))
	c.must(err)
	space, err := os.Readlink("/proc/" + init + "/ns/pid")
	c.must(err)
	all, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	c.must(err)
	var out []int
	for _, link := range all {
		if s, err := os.Readlink(link); err == nil && s == space {
			pid, err := strconv.Atoi(strings.Split(link, "/")[2])
			c.must(err)
			out = append(out, pid)
		}
	}
	return out
}

// hang stops every process of a node; its network and its disk stay.
func (c *cluster) hang(node string) {
	c.t.Helper()
	for _, pid := range c.pids(node) {
		_ = unix.Kill(pid, unix.SIGSTOP) // or it has just ended
	}
}

func (c *cluster) killAgent(node string) {
	c.t.Helper()
	for _, pid := range c.pids(node) {
		args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && bytes.Contains(args, []byte("mqha-daemon")) {
			c.must(unix.Kill(pid, unix.SIGKILL))
			return
		}
	}
	c.t.Fatalf("no agent runs on %s", node)
}
