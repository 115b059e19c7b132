package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqha/mqha/internal/core/credit"
	"github.com/mqha/mqha/internal/core/stream"
	"github.com/mqha/mqha/internal/events"
	"github.com/mqha/mqha/internal/vfs"
)

// Engine sends and receives files for one agent during one epoch. It is made by Open and ended by
// Close; its methods may be called by any goroutine.
//
// One goroutine, the loop, owns everything that decides. Reading, writing, syncing, the journal and
// the link each have a lane, so that a sync of the disk runs while the next frames arrive.
type Engine struct {
	opt         Options
	fence       Fence
	epoch       uint64
	incarnation incarnation
	dir         *tree // the state directory
	files       *tree // WriteRoot; nil: nothing is received
	mount       vfs.Mount
	root        uint64       // vfs.Dir.ID of WriteRoot
	pending     int          // pendingFiles, of this process as it was
	format      atomic.Int32 // of the journal; never lower than before
	events      *events.Queue[Event]

	// owned by the loop
	state     *state
	questions uint64           // every question of this engine has a higher number
	journal   *journal         // once started, used by the journal lane alone
	rotating  bool             // of the journal lane: a rotation is on its way
	tail      tailLog          // once started, used by the write lane alone
	out       map[ID]*outgoing // all, also ended ones
	live      map[ID]*outgoing // those that have not ended
	over      []*outRecord     // the others, in the order in which they ended
	turns     turns
	in        map[ID]*incoming
	credit    *credit.Ledger[ID]
	run       *run
	linked    time.Time // since when
	control   *inFrame  // the control frame that waits to be settled
	draining  bool
	raising   int // peers whose new epoch is not durable yet; frames wait
	waiters   map[ID]*waiter
	noWay     map[string]string // why a peer cannot be reached on this run

	calls   chan func()
	frames  chan *inFrame
	done    reports
	writer  *lane[writeOp]
	hasher  *lane[*inFrame]
	syncer  *lane[syncOp]
	scribe  *lane[journalOp]
	encoder *entryEncoder  // of the loop
	readers sync.WaitGroup // of ended transfers, on their way out
	buffers chan *outFrame

	once       sync.Once
	stop       chan struct{} // closed by Close
	dead       chan struct{} // closed when the loop has ended
	running    chan struct{} // holds one token: a Run
	submitting chan struct{} // the same: a Submit
	probing    chan struct{} // the same: a probe

	mu  sync.Mutex
	err error // why the engine stopped by itself
	bad chan struct{}
}

// Open reads the journal in the state directory dir, which must exist, and takes it over for the
// epoch of f: parts and journals get this epoch's names. ctx bounds Open alone.
//
// Errors: ErrOptions, ErrStale, ErrInUse, ErrJournal, ErrRoot, ErrFenced, and those of the file system.
func Open(ctx context.Context, dir string, f Fence, o Options) (*Engine, error) {
	if o.WriteRoot != "" {
		if err := apart(dir, o.WriteRoot); err != nil {
			return nil, err
		}
	}
	return openOn(ctx, vfs.OpenRoot, dir, f, o)
}

// openOn is Open on any file system.
func openOn(ctx context.Context, mount vfs.Mount, dir string, f Fence, o Options) (*Engine, error) {
	o = o.withDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFenced, err)
	}
	e := &Engine{
		opt: o, fence: f, epoch: f.Epoch(), mount: mount, pending: pendingFiles(), credit: credit.New[ID](o.room()),
		out: map[ID]*outgoing{}, live: map[ID]*outgoing{}, turns: newTurns(), in: map[ID]*incoming{}, waiters: map[ID]*waiter{}, noWay: map[string]string{},
		calls: make(chan func()), frames: make(chan *inFrame, framesInHand), done: newReports(),
		stop: make(chan struct{}), dead: make(chan struct{}), bad: make(chan struct{}),
		running: make(chan struct{}, 1), submitting: make(chan struct{}, 1), probing: make(chan struct{}, 1),
	}
	if err := e.openFiles(mount, dir); err != nil {
		e.closeFiles()
		if lost := f.Err(); lost != nil { // what is missing or strange is then the work of the instance that has taken over
			err = fmt.Errorf("%w: %w", ErrFenced, lost)
		}
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		e.closeFiles()
		return nil, err
	}
	e.start()
	return e, nil
}

func (e *Engine) openFiles(mount vfs.Mount, dir string) (err error) {
	if e.dir, err = openTree(mount, dir, e.fence); err != nil {
		return fmt.Errorf("transfer: state directory: %w", err)
	}
	if e.opt.WriteRoot != "" {
		if e.files, err = openTree(mount, e.opt.WriteRoot, e.fence); err != nil {
			return fmt.Errorf("transfer: Options.WriteRoot: %w", err)
		}
	}
	if e.incarnation, err = readIncarnation(e.dir); err != nil {
		return fmt.Errorf("transfer: state directory: %w", err)
	}
	if e.journal, e.state, err = openJournal(e.dir, e.epoch, e.opt.FirstFormat, e.opt.KeepEnded); err != nil {
		return err
	}
	e.format.Store(int32(e.journal.format))
	// Above those of every earlier engine, also of one of the same epoch; room for 16 million.
	e.questions = e.epoch<<40 | (e.journal.name.sequence&0xffff)<<24
	if err := e.checkRoot(); err != nil {
		return err
	}
	if err := e.loadTransfers(); err != nil {
		return err
	}
	names, err := e.dir.names(".")
	if err != nil {
		return err
	}
	if err := e.sweepState(names); err != nil {
		return err
	}
	return e.openTail(names)
}

// checkRoot refuses another WriteRoot than the one that unfinished transfers are delivered to: their
// committed files are not there, and would count as delivered. The same holds for the empty directory
// under a disk that is not mounted.
func (e *Engine) checkRoot() error {
	var here uint64
	if e.files != nil {
		var err error
		if here, err = e.files.ID(); err != nil {
			return fmt.Errorf("transfer: Options.WriteRoot: %w", err)
		}
	}
	e.root = here
	for id, in := range e.state.in {
		if in.Answer == stream.Unknown && (e.files == nil || in.Root != here) {
			return fmt.Errorf("%w: transfer %s from %s began with another directory than %q; mount it, or give it back until the transfer has ended; if it is gone for good, move the state directory away: what is sent to this agent begins anew then, and what it was sending is cancelled", ErrRoot, id, in.From, e.opt.WriteRoot)
		}
	}
	return nil
}

// sweepState removes what no transfer needs from the state directory: lists of a Submit that did not
// come to its end, temporary files, lists of ended transfers and parts of them.
func (e *Engine) sweepState(names []string) error {
	needed := map[string]bool{}
	for _, o := range e.live {
		needed[o.rec.manifestName()], needed[o.rec.sourcesName()] = true, true
	}
	for id, in := range e.in {
		needed[manifestPath(id, in.rec.Lists)] = in.layout != nil
	}
	for _, n := range names {
		part, isPart := parsePart(n)
		if in := e.in[part.transfer]; isPart && in != nil && in.rec.Answer == stream.Unknown {
			continue
		}
		ours := isPart || strings.HasSuffix(n, ".manifest") || strings.HasSuffix(n, ".sources") || strings.HasSuffix(n, tempSuffix)
		if !ours || needed[n] {
			continue
		}
		if err := e.dir.remove(n); err != nil {
			return err
		}
	}
	return nil
}

// apart refuses a state directory below WriteRoot: another agent could deliver a journal into it.
func apart(state, writeRoot string) error {
	var real [2]string
	for i, p := range []string{writeRoot, state} {
		abs, err := filepath.Abs(p)
		if err == nil {
			abs, err = filepath.EvalSymlinks(abs)
		}
		if err != nil {
			return fmt.Errorf("transfer: %w", err)
		}
		real[i] = abs
	}
	if rel, err := filepath.Rel(real[0], real[1]); err == nil && filepath.IsLocal(rel) {
		return fmt.Errorf("%w: the state directory %s lies below Options.WriteRoot %s, where other agents may create files", ErrOptions, state, writeRoot)
	}
	return nil
}

const incarnationFile = "incarnation"

// readIncarnation makes the incarnation when the directory is new.
func readIncarnation(dir *tree) (incarnation, error) {
	var in incarnation
	text, err := dir.ReadFile(incarnationFile)
	if err == nil {
		err = in.UnmarshalText(text)
		return in, err
	}
	if !vfs.Missing(err) {
		return in, err
	}
	rand.Read(in[:])
	text, err = in.MarshalText()
	if err != nil {
		return in, err
	}
	return in, dir.write(incarnationFile, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

func (e *Engine) closeFiles() {
	if e.journal != nil {
		e.journal.close()
	}
	e.tail.close()
	for _, t := range []*tree{e.dir, e.files} {
		if t != nil {
			t.Close()
		}
	}
}

func (e *Engine) start() {
	e.events = events.Start(maxEvents, e.opt.OnEvent, missed)
	e.writer = newLane(e.runWrites)
	e.hasher = newLane(e.runHashes)
	e.syncer = newLane(e.runSyncs)
	e.scribe, e.encoder = newLane(e.runJournal), newEntryEncoder()
	e.buffers = make(chan *outFrame, maxSources*readAhead)
	go e.loop()
}

// Close suspends every transfer where its last checkpoint is and ends the engine's goroutines. A
// Run that goes on returns ErrClosed.
func (e *Engine) Close() error {
	e.once.Do(func() { close(e.stop) })
	<-e.dead
	if err := e.failure(); !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}

// fail stops the engine for good: the fence is lost, or the disk under the journal.
func (e *Engine) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return
	}
	if fenceErr := e.fence.Err(); fenceErr != nil {
		err = fmt.Errorf("%w: %w", ErrFenced, fenceErr)
	}
	e.err = err
	close(e.bad)
}

func (e *Engine) failure() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// shutdown ends the lanes. What they report no longer counts.
func (e *Engine) shutdown() {
	e.fail(ErrClosed)
	for _, o := range e.live {
		e.closeReader(o)
		e.closeRemover(o)
	}
	e.readers.Wait()
	e.writer.close()
	e.hasher.close()
	e.syncer.close()
	e.scribe.close()
	if errors.Is(e.failure(), ErrClosed) {
		// Only a better mark: what a failure leaves is what a process leaves that is killed.
		_ = e.journal.seal()
	}
	for _, in := range e.in {
		in.closeParts()
	}
	e.closeFiles()
	e.events.Close()
	<-e.events.Done()
}

// call runs fn in the loop and waits until it has run.
func (e *Engine) call(ctx context.Context, fn func()) error {
	ran := make(chan struct{})
	select {
	case e.calls <- func() { fn(); close(ran) }:
		<-ran
		return nil
	case <-e.stop: // also while Close waits for an OnEvent that calls here
		return ErrClosed
	case <-e.dead:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}
