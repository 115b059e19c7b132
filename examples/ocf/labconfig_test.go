//go:build lab && linux

package main

import (
	"fmt"
	"strings"
)

func corosyncConf() string {
	return fmt.Sprintf(`totem {
  version: 2
  cluster_name: mqlab
  transport: udpu
  token: 2000
}
system {
  sched_rr: no
  move_to_root_cgroup: no
}
quorum {
  provider: corosync_votequorum
  two_node: 1
  wait_for_all: 0
}
logging {
  to_stderr: yes
  to_syslog: no
}
nodelist {
  node {
    ring0_addr: %s
    name: a
    nodeid: 1
  }
  node {
    ring0_addr: %s
    name: b
    nodeid: 2
  }
}
`, addresses["a"], addresses["b"])
}

// cib is the cluster's configuration. That it is there at the start saves half a minute.
func (c *cluster) cib() string {
	nv := func(id string, pairs ...string) string {
		var s strings.Builder
		for i := 0; i < len(pairs); i += 2 {
			fmt.Fprintf(&s, `<nvpair id="%s-%s" name="%s" value="%s"/>`, id, pairs[i], pairs[i], pairs[i+1])
		}
		return s.String()
	}
	op := func(id, name, interval, timeout string) string {
		return fmt.Sprintf(`<op id="%s-%s-%s" name="%s" interval="%s" timeout="%s"/>`, id, name, interval, name, interval, timeout)
	}
	primitive := func(id, class, ops string, pairs ...string) string {
		return fmt.Sprintf(`<primitive id="%s" %s><instance_attributes id="%s-attrs">%s</instance_attributes><operations>%s</operations></primitive>`, id, class, id, nv(id, pairs...), ops)
	}
	return `<cib crm_feature_set="3.0.0" validate-with="pacemaker-3.0" epoch="10" num_updates="0" admin_epoch="1"><configuration>` +
		`<crm_config><cluster_property_set id="cib-bootstrap-options">` +
		nv("opt", "stonith-enabled", "true", "stonith-action", "off", "no-quorum-policy", "stop", "dc-deadtime", "2s", "stonith-timeout", "30s", "cluster-recheck-interval", "30s") +
		`</cluster_property_set></crm_config>` +
		`<nodes><node id="1" uname="a"/><node id="2" uname="b"/></nodes><resources>` +
		primitive("power", `class="stonith" type="fence_mqlab"`, "", "pcmk_host_list", "a b", "pcmk_host_check", "static-list", "pcmk_off_timeout", "20s") +
		`<group id="agents">` +
		primitive("disk", `class="ocf" provider="heartbeat" type="Filesystem"`, op("disk", "monitor", "10s", "20s")+op("disk", "start", "0s", "30s")+op("disk", "stop", "0s", "30s"),
			"device", c.loop, "directory", c.disk(), "fstype", "ext4") +
		primitive("address", `class="ocf" provider="heartbeat" type="IPaddr2"`, op("address", "monitor", "5s", "20s"), "ip", floating, "cidr_netmask", "24", "nic", "eth0") +
		primitive("agent", `class="ocf" provider="mqha" type="`+metadata.Name+`"`,
			op("agent", "monitor", "1s", "10s")+op("agent", "start", "0s", "60s")+op("agent", "stop", "0s", "60s"),
			"name", "LAB", "qm", "QM1", "endpoint", addresses["client"]+":1414", "state", c.disk(), "read", c.disk()) +
		`</group></resources><constraints/><rsc_defaults><meta_attributes id="rsc-defaults">` +
		nv("def", "migration-threshold", "3", "failure-timeout", "15min", "resource-stickiness", "100") +
		`</meta_attributes></rsc_defaults></configuration><status/></cib>`
}
