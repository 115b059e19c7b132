//go:build lab && linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqha/mqha/ha"
	"github.com/mqha/mqha/internal/need"
	"github.com/mqha/mqha/transfer"
)

// The addresses exist in the namespaces of the test only, which have no way out.
var addresses = map[string]string{"a": "10.214.77.72", "b": "10.214.77.73", "client": "10.214.77.9"}

const floating = "10.214.77.71"

func other(node string) string {
	if node == "a" {
		return "b"
	}
	return "a"
}

// cluster is the two nodes and what is around them.
type cluster struct {
	t     *testing.T
	begun time.Time
	dir   string
	loop  string // the shared disk
	id    string // makes names of namespaces unique

	mu    sync.Mutex
	nodes map[string]*exec.Cmd // that have power: the outer process
	offs  map[string]int       // how often the switch was thrown by fencing
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	need.Root(t, "namespaces, mounts and a loop device")
	for program, pkg := range map[string]string{"pacemakerd": "pacemaker", "corosync": "corosync", "crm_resource": "pacemaker-cli-utils",
		"ip": "iproute2", "arping": "iputils-arping", "ping": "iputils-ping", "xmllint": "libxml2-utils", "mkfs.ext4": "e2fsprogs", "ocf-tester": "resource-agents"} {
		need.Program(t, program, pkg)
	}
	dir, err := os.MkdirTemp("", "mqlab")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, dir: dir, id: fmt.Sprintf("mqlab%d", os.Getpid()), nodes: map[string]*exec.Cmd{}, offs: map[string]int{}}
	t.Cleanup(func() {
		if t.Failed() {
			c.lastWords()
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	c.must(os.Chmod(dir, 0o755))
	c.disks()
	c.network()
	c.queueManager()
	c.powerSwitch()
	t.Cleanup(func() {
		for _, node := range []string{"a", "b"} {
			c.powerOff(node)
			if _, err := os.Stat("/run/netns/" + c.namespace(node)); err == nil { // a boot that failed half way
				c.soft("ip", "netns", "del", c.namespace(node))
			}
		}
	})
	c.begun = time.Now()
	return c
}

func (c *cluster) must(errs ...error) {
	c.t.Helper()
	if err := errors.Join(errs...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) command(name string, args ...string) string {
	c.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (c *cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.dir}, elem...)...)
}

// disk is where a node mounts the shared disk, in its own mount namespace.
func (c *cluster) disk() string { return c.path("disk") }

// disks makes the shared disk and what every node has on its own: programs, resource agents, a fence agent.
func (c *cluster) disks() {
	c.t.Helper()
	image := c.path("image")
	c.must(os.Mkdir(c.disk(), 0o755), os.WriteFile(image, nil, 0o600), os.Truncate(image, 256<<20))
	c.command("mkfs.ext4", "-q", image)
	c.loop = strings.TrimSpace(c.command("losetup", "--find", "--show", image))
	c.t.Cleanup(func() {
		c.awaitUnused()
		c.command("losetup", "--detach", c.loop)
	})
	self, err := os.Executable()
	c.must(err, os.CopyFS(c.path("resource.d"), os.DirFS("/usr/lib/ocf/resource.d")), os.MkdirAll(c.path("resource.d", "mqha"), 0o755),
		os.Mkdir(c.path("sbin"), 0o755), os.Mkdir(c.path("realsbin"), 0o755), os.Mkdir(c.path("power"), 0o777), os.Chmod(c.path("power"), 0o777))
	text, err := os.ReadFile(self)
	c.must(err, os.WriteFile(c.path("resource.d", "mqha", metadata.Name), text, 0o755), os.WriteFile(c.path(queueManagerName), text, 0o755))
	programs, err := os.ReadDir("/usr/sbin")
	c.must(err)
	for _, p := range programs {
		c.must(os.Symlink(c.path("realsbin", p.Name()), c.path("sbin", p.Name())))
	}
	if _, err := exec.LookPath("modprobe"); err != nil { // the agent for file systems wants it, and a kernel without modules needs none
		c.must(os.WriteFile(c.path("sbin", "modprobe"), []byte("#!/bin/sh\n"), 0o755))
	}
	c.must(os.WriteFile(c.path("sbin", "fence_mqlab"), []byte(strings.ReplaceAll(fenceAgent, "@POWER@", c.path("power"))), 0o755))
}

// fenceAgent throws the power switch: it leaves the node's name and waits until the test has cut its power.
const fenceAgent = `#!/bin/sh
while read -r line; do
	case "$line" in
	action=*) action=${line#action=} ;;
	port=*|plug=*|nodename=*) port=${line#*=} ;;
	esac
done
[ -n "$1" ] && case "$1" in -o) action=$2 ;; esac
case "$action" in
metadata)
	cat <<'END'
<?xml version="1.0" ?>
<resource-agent name="fence_mqlab" shortdesc="power switch of the laboratory">
<longdesc>power switch</longdesc>
<parameters>
<parameter name="action" unique="0" required="1"><getopt mixed="-o"/><content type="string" default="off"/><shortdesc lang="en">action</shortdesc></parameter>
<parameter name="port" unique="0" required="1"><getopt mixed="-n"/><content type="string"/><shortdesc lang="en">node</shortdesc></parameter>
</parameters>
<actions><action name="on" automatic="0"/><action name="off"/><action name="reboot"/><action name="status"/><action name="monitor"/><action name="metadata"/></actions>
</resource-agent>
END
	;;
off|reboot)
	rm -f "@POWER@/$port.done"
	: >"@POWER@/$port.off"
	until [ -e "@POWER@/$port.done" ]; do sleep 0.05; done
	;;
esac
exit 0
`

func (c *cluster) namespace(name string) string { return c.id + name }

func (c *cluster) network() {
	c.t.Helper()
	sw := c.namespace("sw")
	c.command("ip", "netns", "add", sw)
	c.t.Cleanup(func() { c.command("ip", "netns", "del", sw) })
	c.command("ip", "-n", sw, "link", "add", "br0", "type", "bridge")
	c.command("ip", "-n", sw, "link", "set", "br0", "up")
	c.plugIn("client")
	c.t.Cleanup(func() { c.command("ip", "netns", "del", c.namespace("client")) })
}

// plugIn gives a host a namespace with one interface on the bridge.
func (c *cluster) plugIn(host string) {
	c.t.Helper()
	ns, sw := c.namespace(host), c.namespace("sw")
	c.command("ip", "netns", "add", ns)
	c.command("ip", "-n", ns, "link", "add", "eth0", "type", "veth", "peer", "name", "port-"+host, "netns", sw)
	c.command("ip", "-n", sw, "link", "set", "port-"+host, "master", "br0", "up")
	c.command("ip", "-n", ns, "addr", "add", addresses[host]+"/24", "dev", "eth0")
	c.command("ip", "-n", ns, "link", "set", "eth0", "up")
	c.command("ip", "-n", ns, "link", "set", "lo", "up")
}

// queueManager runs in the client's namespace, away from both nodes.
func (c *cluster) queueManager() {
	c.t.Helper()
	var mqsc bytes.Buffer
	config := ha.Config{Name: "LAB", StateDir: c.disk(), Transfer: transfer.Options{ReadRoots: []string{c.disk()}}, Definitions: ha.Definitions{QueueManager: "QM1"}}
	c.must(config.MQSC(&mqsc), os.WriteFile(c.path("mqsc"), mqsc.Bytes(), 0o600))
	cmd := exec.Command("ip", "netns", "exec", c.namespace("client"), c.path(queueManagerName), "-name", "QM1", "-listen", addresses["client"]+":1414", "-mqsc", c.path("mqsc"))
	stdin, err := cmd.StdinPipe() // its end ends the queue manager
	c.must(err)
	stdout, err := cmd.StdoutPipe()
	c.must(err)
	cmd.Stderr = os.Stderr
	c.must(cmd.Start())
	c.t.Cleanup(func() { c.must(stdin.Close()); _ = cmd.Wait() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || !strings.HasPrefix(line, "listening") {
		c.t.Fatalf("queue manager: %q, %v", line, err)
	}
}

// lastWords shows the logs of a test that failed.
func (c *cluster) lastWords() {
	for _, node := range []string{"a", "b"} {
		for _, name := range []string{"console", "pacemaker/pacemaker.log"} {
			text, _ := os.ReadFile(c.path(node, "log", name))
			lines := slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool { return strings.Contains(line, "info:") })
			c.t.Logf("%s %s:\n%s", node, name, strings.Join(lines[max(0, len(lines)-100):], "\n"))
		}
		c.t.Logf("%s agent: %+v", node, c.events(node))
	}
}
