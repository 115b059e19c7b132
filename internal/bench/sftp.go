package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// runSFTP puts with fsync@openssh.com, through an sshd with keys of its own.
func runSFTP(ctx context.Context, s *site) (sample, error) {
	paths, err := lookFor("sftp", "sshd", "ssh-keygen")
	if err != nil {
		return sample{}, err
	}
	host, port, err := freeAddress()
	if err != nil {
		return sample{}, err
	}
	at := func(name string) string { return filepath.Join(s.dir, name) }
	for _, key := range []string{"host", "user"} {
		if _, _, err := timed(ctx, []string{paths[2], "-q", "-t", "ed25519", "-N", "", "-f", at(key)}); err != nil {
			return sample{}, err
		}
	}
	hostKey, err := os.ReadFile(at("host.pub"))
	if err != nil {
		return sample{}, err
	}
	for name, lines := range map[string][]string{
		"sshd_config": {"HostKey " + at("host"), "AuthorizedKeysFile " + at("user.pub"), "PidFile none", "UsePAM no",
			"StrictModes no", "PasswordAuthentication no", "PermitRootLogin prohibit-password", "Subsystem sftp internal-sftp"},
		"known_hosts": {fmt.Sprintf("[%s]:%s %s", host, port, hostKey)},
		"batch":       {fmt.Sprintf("put -f %q %q", s.source, s.dest)},
	} {
		if err := os.WriteFile(at(name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			return sample{}, err
		}
	}
	return serving(ctx, s, net.JoinHostPort(host, port),
		[]string{paths[1], "-D", "-e", "-f", at("sshd_config"), "-o", "ListenAddress=" + host, "-p", port},
		[]string{paths[0], "-q", "-F", "none", "-b", at("batch"), "-P", port, "-i", at("user"),
			"-o", "UserKnownHostsFile=" + at("known_hosts"), "-o", "IdentitiesOnly=yes", host})
}
