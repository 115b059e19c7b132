// Package ocf makes an OCF resource agent of a [resource.Program]: a program that Pacemaker starts,
// watches and stops on one node at a time. The same executable is the resource agent and the service.
//
//	func main() { ocf.Main(metadata, program) }
//
// What the actions do, and their exit codes (OCF Resource Agent API 1.1):
//
//	start         starts the executable again as a daemon in a session of its own, and returns 0 when
//	              the Program is Ready; also when it was already. A Program that waits for a lock
//	              that another node still holds is waited for, up to the operation's time-out: a
//	              start that fails at once may be tried nowhere again (start-failure-is-fatal). Just
//	              before the time-out the daemon is stopped, or killed when it does not stop at once,
//	              and the answer is 1. A daemon whose start was killed before it could be asked ends.
//	monitor       0 it runs and is Ready; 7 no daemon runs; 1 it runs and does not answer, or is not
//	              Ready, or is stopping. With OCF_CHECK_LEVEL 10 or more its Healthy check is asked as well.
//	stop          ends the Program's context, waits for its end, kills it just before the time-out, and
//	              returns 0 when no daemon runs; also when none did. 1 only when the kernel does not let
//	              it die: Pacemaker then fences the node.
//	validate-all  0 when the parameters are good
//	meta-data     0, with the description on standard output
//	others        3
//
// Bad parameters, and whatever [Code] or Metadata.Code says of an error, give 2, 4, 5 or 6.
//
// The daemon and the actions meet in the directory <RunDir>/<type>-<instance>, mode 0700, on this
// node's own disk: a lock file that the daemon holds while it lives, a unix socket of mode 0600, the
// file end with how it ended, and the files out and out.1. Whether a daemon runs is decided by the kernel's
// lock alone, and a process is killed only while it holds it, or by the start that has just made it. Who removes
// this directory under a daemon hides it: monitor gives 7, and stop 0 without waiting. The daemon looks ten
// times a second, ends its Program when its lock file is gone, and until then only the lock that the Program
// itself holds keeps a new one from running beside it.
//
// The file out is the daemon's standard output and error since its start, out.1 what was there before. Each
// is at most 1 MiB: when out has become longer its end is copied to out.1, and out is emptied. The daemon looks
// ten times a second; what is written between two looks comes on top, and what is written in the instant of
// the emptying is lost. So it is for last words and first looks, and not a log to keep. Whatever
// the Program prints, or a library or process that it has started, may go there.
//
// # What it does not do
//
//   - It elects nobody. Pacemaker starts the resource on one node when fencing works; the Program
//     should hold a lock on the shared disk besides.
//   - A daemon that is started stays as it was: there is no reload.
//   - Linux only. Elsewhere Main says so and ends with 5.
package ocf
