// Package receive decides what the receiver of one transfer does next. It sees positions and
// lengths, never bytes, files, names or clocks; the shell in package transfer does the I/O.
//
// The stream is taken in strictly in order. What is out of order is dropped and asked for again,
// never held. A file goes through these steps, each durable before the next:
//
//	bytes written -> file and directory synced -> COMMIT in the journal, synced -> renamed -> directory synced -> acknowledged
//
// The manifest has no checkpoint of its own: until it is accepted a restart begins with it anew.
// Many files share one round of them (a checkpoint), together with the part of the file that is
// still arriving, so that a thousand small files cost a few syncs of the journal and not a thousand.
package receive

import (
	"time"

	"github.com/mqha/mqha/internal/core/stream"
)

// Config holds what does not change during a transfer.
type Config struct {
	CheckpointBytes    int64
	CheckpointInterval time.Duration
	CheckpointFiles    int
	MaxUndurable       int64 // bytes taken in but not durable above which no credit is returned
	MaxPending         int   // the same in files
	AckFrames          int   // acknowledge at least every so many frames
	AckBytes           int64
}

// File is one file of a checkpoint.
type File struct {
	Index uint32
	Dir   uint32 // the directory it is in
}

// Checkpoint is what a journal record says: Files are complete and about to be renamed, and the
// stream is durable up to Durable.
type Checkpoint struct {
	Files   []File
	Durable stream.Pos
}

// EventKind says what happened.
type EventKind uint8

// The events.
const (
	Opened        EventKind = iota + 1 // the announcement arrived, a control frame to be settled
	Asked                              // Nonce: the sender asks where to go on
	Frame                              // Nonce, Pos, Length, Fin, Skip: data arrived
	Confirmed                          // the sender has the last word durable; a control frame
	Cancel                             // the sender gives the transfer up; a control frame
	Orphaned                           // the sender has lost its state directory: nobody goes on
	Tick                               // Deadline has passed
	LinkUp                             // a link is there: tell the sender
	Written                            // File, Dir, Pos, Length, Fin, Failed: one frame is in its part; Fin: and the digest is equal
	MetaSet                            // File, Failed
	Synced                             // File, Failed
	Loaded                             // Last, Dirs, Failed: the manifest was read and is acceptable, or not
	DirMade                            // Dir, Failed
	DirSynced                          // Dir; one that is not there counts as synced, a failed sync ends the epoch
	Renamed                            // File, Failed; a part that is gone counts as delivered
	Removed                            // File
	RecordWritten                      // a journal record is written
	RecordSynced                       // and durable
	Listed                             // Parts: what lies in the directories of this transfer
	TakenOver                          // File, Failed: its part has this epoch's name, or was gone
	Reopened                           // Failed: the part is not there, or is too short
	Rechecked                          // Dir, Failed: the frame is not there as it was sent
	DrainStarted                       // make durable what is there
)

// Part is a part file found when an epoch begins.
type Part struct {
	File uint32
	Dir  uint32
	Name uint32 // the shell's number for it

	// Stale says that its epoch is lower than the one in which the last checkpoint was written. No
	// byte of it is meant by that checkpoint: a holder that was stopped may have created it after
	// the checkpoint, and after the file of that name was delivered.
	Stale bool
}

// Event is one thing that happened; which fields count depends on Kind.
type Event struct {
	Kind   EventKind
	Nonce  uint64
	Pos    stream.Pos
	Length int
	Fin    bool
	Skip   bool
	Failed bool
	File   uint32
	Dir    uint32
	Last   uint32
	Dirs   uint32
	Parts  []Part
}

// ActionKind says what is to be done.
type ActionKind uint8

// ManifestDir is the Dir of the manifest, which lies in the engine's own directory. Dir 0 is the
// directory that everything is delivered below; 1 to Dirs are those of the manifest, parents first.
const ManifestDir = ^uint32(0)

// The actions. Each is one I/O operation. Those on parts and directories up to MakeDir and Recheck
// are carried out one after the other, in the order given; syncs and renames in any order.
const (
	Drop            ActionKind = iota + 1 // the frame is not needed
	Create                                // create the part of File; a failure comes back as that of the Write
	Write                                 // write the frame at Pos; Written
	Abandon                               // close and remove the part of File, which failed; no event
	SetMeta                               // set mode and times of File's part; MetaSet
	Sync                                  // fsync the part of File; Synced
	Load                                  // read the manifest and check it; Loaded
	MakeDir                               // make directory Dir; DirMade
	SyncDir                               // fsync directory Dir; DirSynced
	Rename                                // give File its name, replacing nothing (but the manifest what an earlier epoch left); Renamed
	WriteOpen                             // journal: the transfer is known; RecordWritten
	WriteCheckpoint                       // journal: Checkpoint; RecordWritten
	WriteDone                             // journal: the files of the last checkpoint are delivered or failed; RecordWritten
	WriteEnd                              // journal: Answer is the last word; RecordWritten
	WriteForget                           // journal: the sender has confirmed; RecordWritten
	SyncRecord                            // fsync the journal; RecordSynced
	Remove                                // remove the part of File, which could not be given its name; Removed
	List                                  // list the parts of this transfer; Listed
	TakeOver                              // rename part Name to this epoch's name for File; TakenOver, unless that failed and it may still be there
	RemovePart                            // remove part Name, which is of no use; no event
	Reopen                                // open the part of File, which must have the bytes before Pos, and sync it; Reopened
	Recheck                               // read the frame Name at Pos, prove it, and write it again; Rechecked
	Reply                                 // answer the question with Nonce: Answer, Pos, Durable
	Nudge                                 // ask the sender to ask
	Ack                                   // acknowledge: Nonce, Durable, Frames, Bytes
	SendEnd                               // send the last word, a control frame
	Settle                                // the control frame may be committed
	Progressed                            // tell: Durable has advanced
	Forgotten                             // nothing is kept of this transfer any more
)

// Action is one thing to do.
type Action struct {
	Kind       ActionKind
	Nonce      uint64
	Pos        stream.Pos
	Durable    stream.Pos
	Frames     uint64
	Bytes      int64
	File       uint32
	Dir        uint32
	Name       uint32
	Answer     stream.Answer
	Unfinished bool // Sync: more will be written; the bytes so far are enough
	Checkpoint Checkpoint
}
