// Package sdnotify hosts a [resource.Program] under systemd, as a service of Type=notify, by the protocol of
// sd_notify(3). The unit file beside this file is a complete one.
//
//	READY=1                when the Program is Ready, or at its start, see Options.ReadyAtStart
//	STATUS=                what it makes Progress with, that it is not healthy and why, as long as that
//	                       is so, how it ended
//	STOPPING=1             when the context of Run ends, as with SIGTERM
//	EXTEND_TIMEOUT_USEC=   with each Progress while it starts or stops
//	WATCHDOG=1             three times within WatchdogSec, each time after its Healthy check returned nil;
//	                       never while it fails or hangs: systemd then kills and restarts the service
//
// A systemd that does not listen holds nothing up. What it does not take within 5 s, or its socket refuses while it is
// being restarted, is sent again four times a second as long as the Program runs, the newest STATUS only and no
// WATCHDOG=1, which would be an old one; Options.OnError is told. The end of the service waits for it 5 s at most, and
// tries what is left once.
//
// Without systemd, when NOTIFY_SOCKET is not set, the Program simply runs.
//
// Processes that the Program starts inherit NOTIFY_SOCKET; the unit's NotifyAccess=main has systemd
// ignore them.
package sdnotify
