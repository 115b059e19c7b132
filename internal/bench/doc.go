// Command bench measures package transfer against the bare pipeline (package ref) and against the file
// copiers that are installed here, and says which of the goals G1 to G8, G12 and G14 are reached.
//
//	go run ./internal/bench                  2 GiB, 5 rounds, half an hour
//	go run ./internal/bench -quick           96 MiB, under a minute: too small for a verdict to count
//	go run ./internal/bench -only G2,rclone  what these goals and variants need
//
// A figure counts only in proportion to others of the same run: absolute ones differ by a factor of four
// with the state of the host. So every variant runs once a round, in a random order, and the median of the
// rounds counts. Each run is a process of its own, timed from its start to its end; servers (an rsync
// daemon, sshd, the receiver of ours) are started before. Between runs everything is deleted and synced.
// What was delivered is compared with the source: all of it in the first round, its size in the others.
//
// Where nothing else is said, REF and the engine make a checkpoint every 16 MiB: what is there by then becomes
// durable and is noted in a journal while more arrives. For the engine that is an Options.CheckpointBytes of 32 MiB,
// which bounds what a loss of power costs; its default of 8 MiB makes one every 4 MiB.
//
// A machine that gives free memory back to its host (virtio balloon) must fetch it again, at a tenth of
// the speed of the copy that is to be measured. So memory of one and a half times the file is mapped,
// populated and unmapped right before each run (FreePageWarmup in the report; Linux alone).
//
// A goal that was missed says FAIL, and the exit code is 1. One that cannot be measured says NOT MEASURED
// and why: a program that is not installed, with how to install it, or something that the engine cannot do
// yet. Beside some figures stands what this machine gives for the same work at most: all its processors for that
// of REF, its disk for a file that is only written, or the processor time of REF. Nothing is installed by this
// command. Ratios below 1.15 are noise, whatever the verdict, and all of them are on a machine that has
// other things to do: the head of the report says how busy it was.
//
// Not measured here: tusd (G6), which no distribution packages, and the resume of a sparse file of 100 GiB
// (G12), of which 95 GiB would have to be written first.
package main
