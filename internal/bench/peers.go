package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// packages says how to install what a peer needs, on Debian.
var packages = map[string]string{
	"cp": "coreutils", "sync": "coreutils", "rsync": "rsync", "rclone": "rclone",
	"sftp": "openssh-client", "ssh-keygen": "openssh-client", "sshd": "openssh-server",
}

// lookFor gives the paths of programs; the error says how to install what is missing.
func lookFor(names ...string) (paths []string, err error) {
	var missing []error
	for _, n := range names {
		p, err := exec.LookPath(n)
		if err != nil && n == "sshd" {
			p, err = exec.LookPath("/usr/sbin/sshd") // which is not in everybody's path
		}
		if err != nil {
			missing = append(missing, fmt.Errorf("%s is not installed (apt-get install %s)", n, packages[n]))
		}
		paths = append(paths, p)
	}
	return paths, errors.Join(missing...)
}

// once times a peer's commands after the memory is warm.
func once(ctx context.Context, s *site, commands ...[]string) (sample, error) {
	if err := s.warm(); err != nil {
		return sample{}, err
	}
	m, _, err := timed(ctx, commands...)
	return m, err
}

func runCopyAndSync(ctx context.Context, s *site) (sample, error) {
	return once(ctx, s, []string{"cp", s.source, s.dest}, []string{"sync", "-d", s.dest})
}

func runRsync(ctx context.Context, s *site) (sample, error) {
	return once(ctx, s, []string{"rsync", "-W", "--fsync", s.source, s.dest})
}

// runRclone neither reads nor writes a configuration of the user.
func runRclone(ctx context.Context, s *site) (sample, error) {
	config := filepath.Join(s.dir, "rclone.conf")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		return sample{}, err
	}
	return once(ctx, s, []string{"rclone", "--config", config, "copyto", s.source, s.dest})
}

// runRsyncDaemon sends to an rsync daemon.
func runRsyncDaemon(ctx context.Context, s *site) (sample, error) {
	host, port, err := freeAddress()
	if err != nil {
		return sample{}, err
	}
	config := filepath.Join(s.dir, "rsyncd.conf")
	text := fmt.Sprintf("use chroot = no\nuid = %d\ngid = %d\n[in]\npath = %s\nread only = no\n", os.Getuid(), os.Getgid(), s.in)
	if os.Getuid() != 0 { // it may not change them
		text = fmt.Sprintf("use chroot = no\n[in]\npath = %s\nread only = no\n", s.in)
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return sample{}, err
	}
	return serving(ctx, s, net.JoinHostPort(host, port),
		[]string{"rsync", "--daemon", "--no-detach", "--config", config, "--address", host, "--port", port},
		[]string{"rsync", "-W", "--fsync", s.source, fmt.Sprintf("rsync://%s:%s/in/%s", host, port, filepath.Base(s.dest))})
}

// serving times a client of a server that was started before.
func serving(ctx context.Context, s *site, address string, serverArgs, client []string) (sample, error) {
	srv, err := startServer(ctx, serverArgs)
	if err != nil {
		return sample{}, err
	}
	if err := answering(ctx, address); err != nil {
		srv.terminate()
		return sample{}, failure(srv.cmd, srv.trouble, err)
	}
	m, err := once(ctx, s, client)
	m.CPU += srv.terminate()
	return m, err
}

// leftAt95 leaves at the destination what a copy that was interrupted had written.
func (s *site) leftAt95() (err error) {
	from, err := os.Open(s.source)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(s.dest)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if _, err := io.CopyN(to, from, kept(s.size)); err != nil {
		return err
	}
	return to.Sync()
}

// runRsyncResume resumes with a delta to what is there (-W, the default for local copies, would send all),
// or behind it.
func runRsyncResume(option ...string) func(context.Context, *site) (sample, error) {
	return func(ctx context.Context, s *site) (sample, error) {
		if err := s.leftAt95(); err != nil {
			return sample{}, err
		}
		return once(ctx, s, append(append([]string{"rsync"}, option...), s.source, s.dest))
	}
}
