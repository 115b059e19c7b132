package remove

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// world is two directories with sources, private directories beside them, one instance after another, a producer,
// and the calls that stopped instances still have to make.
type world struct {
	t       *rapid.T
	dirs    []uint32
	names   map[uint32]*object // of the sources
	aside   map[uint32]map[Entry]*object
	objects []*object

	r       *Removal
	epoch   uint64
	todo    []Action
	late    []func()
	written Config // in the journal
	synced  Config
	over    bool
	left    map[uint32]bool // told by any instance
	stays   map[uint32]bool // the same of private directories
	calls   int             // late ones that were made
}

// object is one file, whatever its names are.
type object struct {
	file     uint32
	sent     bool
	unlinked bool
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, names: map[uint32]*object{}, aside: map[uint32]map[Entry]*object{}, left: map[uint32]bool{}, stays: map[uint32]bool{}}
	n := rapid.IntRange(1, 5).Draw(t, "files")
	for i := range n {
		w.dirs = append(w.dirs, rapid.Uint32Range(0, 1).Draw(t, "directory"))
		w.make(uint32(i)+1, true)
	}
	stay := map[uint32]bool{}
	for i := range n {
		if rapid.IntRange(0, 4).Draw(t, "did not arrive") == 0 {
			stay[uint32(i)+1] = true
		}
	}
	w.synced = Config{Dirs: w.dirs, Stay: stay, Batch: rapid.Uint32Range(1, 3).Draw(t, "batch")}
	w.start()
	return w
}

func (w *world) make(file uint32, sent bool) {
	o := &object{file: file, sent: sent}
	w.objects = append(w.objects, o)
	w.names[file] = o
}

func (w *world) start() {
	w.epoch++
	w.written = w.synced
	w.r = New(w.synced)
	w.todo = w.r.Begin(nil)
}

// crash leaves the outstanding call to be made late, or never.
func (w *world) crash() {
	if rapid.Bool().Draw(w.t, "survives as a late call") && len(w.todo) > 0 {
		a, epoch := w.todo[0], w.epoch
		w.late = append(w.late, func() { w.call(a, epoch) })
	}
	if rapid.Bool().Draw(w.t, "the last record is durable") {
		w.synced = w.written
	}
	w.start()
}

func (w *world) entry(e Entry, epoch uint64) Entry {
	if e.Epoch == 0 {
		e.Epoch = epoch
	}
	return e
}

// work carries out the next action, well or badly.
func (w *world) work() {
	a := w.todo[0]
	w.todo = w.todo[1:]
	var e Event
	switch a.Kind {
	case Leave:
		w.left[a.File] = true
		return
	case LeaveAside:
		w.stays[a.Dir] = true
		return
	case Finished:
		w.over = true
		return
	case WriteDeleting:
		w.written.First, w.written.Last = a.First, a.Last
		e = Event{Kind: Written}
	case WriteDeleted:
		e = Event{Kind: Written}
	case Sync:
		w.synced = w.written
		e = Event{Kind: Synced}
	default:
		switch rapid.IntRange(0, 19).Draw(w.t, "fault") {
		case 0: // not done
			e = w.fault(a)
		case 1: // done, and the answer is lost
			w.call(a, w.epoch)
			e = w.fault(a)
		default:
			e = w.call(a, w.epoch)
		}
	}
	w.todo = w.r.Step(e, w.todo)
}

func (w *world) fault(a Action) Event {
	switch a.Kind {
	case Look, LookAside:
		return Event{Kind: Looked}
	case ListAside:
		return Event{Kind: Listed, Failed: true}
	case SetAside:
		return Event{Kind: Renamed, Failed: true, Missing: rapid.Bool().Draw(w.t, "missing")}
	}
	return Event{Kind: Done, Failed: true}
}

func (w *world) found(o *object) Event {
	switch {
	case o == nil:
		return Event{Kind: Looked, Found: Missing}
	case o.sent:
		return Event{Kind: Looked, Found: Same}
	}
	return Event{Kind: Looked, Found: Other}
}

// call does what the file system does.
func (w *world) call(a Action, epoch uint64) Event {
	failed := Event{Kind: Done, Failed: true}
	dir, there := w.aside[a.Dir]
	n := w.entry(a.Entry, epoch)
	switch a.Kind {
	case Look:
		return w.found(w.names[a.File])
	case LookAside:
		return w.found(dir[n])
	case MakeAside:
		if !there {
			w.aside[a.Dir] = map[Entry]*object{}
		}
	case SetAside:
		n = Entry{a.File, epoch}
		o := w.names[a.File]
		if o == nil || !there {
			return Event{Kind: Renamed, Failed: true, Missing: true}
		}
		if dir[n] != nil {
			return Event{Kind: Renamed, Failed: true}
		}
		dir[n] = o
		delete(w.names, a.File)
		return Event{Kind: Renamed}
	case PutBack:
		if dir[n] == nil || w.names[n.File] != nil {
			return failed
		}
		w.names[n.File] = dir[n]
		delete(dir, n)
	case Unlink:
		o := dir[n]
		if o == nil {
			return Event{Kind: Done, Failed: true, Missing: true}
		}
		if !o.sent {
			w.t.Fatalf("%+v unlinks what was not sent", a)
		}
		if w.synced.Stay[o.file] {
			w.t.Fatalf("%+v unlinks what did not arrive", a)
		}
		o.unlinked = true
		delete(dir, n)
	case ListAside:
		e := Event{Kind: Listed}
		for n := range dir {
			if n.Epoch == epoch {
				n.Epoch = 0
			}
			e.Entries = append(e.Entries, n)
		}
		slices.SortFunc(e.Entries, func(a, b Entry) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Epoch, b.Epoch))
		})
		return e
	case RemoveAside:
		if len(dir) > 0 {
			return Event{Kind: Done, Failed: true}
		}
		delete(w.aside, a.Dir)
	}
	return Event{Kind: Done}
}

// produce puts a new file under a name, free or not; what had it is gone.
func (w *world) produce() {
	file := rapid.Uint32Range(1, uint32(len(w.dirs))).Draw(w.t, "produced")
	if o := w.names[file]; o != nil {
		o.unlinked = true
	}
	w.make(file, false)
}

// judge looks when all is over and every late call was made: no file of a producer is gone, and a source that is
// still there was said to be.
func (w *world) judge() {
	for _, o := range w.objects {
		if o.unlinked {
			continue
		}
		// Two late calls can make a directory and fill it when all is over; one cannot.
		aside := false
		for d, dir := range w.aside {
			for _, x := range dir {
				aside = aside || x == o && (w.stays[d] || w.calls > 1)
			}
		}
		switch {
		case w.names[o.file] != o && !aside:
			w.t.Fatalf("%+v is nowhere", o)
		case o.sent && !w.synced.Stay[o.file] && !w.left[o.file] && !w.stays[w.dirs[o.file-1]]:
			w.t.Fatalf("the source of file %d stays, and nobody has said so", o.file)
		}
	}
}

func TestOnlyWhatWasSentIsUnlinked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for steps := 0; !w.over || len(w.late) > 0; steps++ {
			if steps > 2000 {
				t.Fatalf("no end: %+v", w.r)
			}
			switch what := rapid.IntRange(0, 19).Draw(t, "what"); {
			case what == 0 && w.epoch < 5 && !w.over:
				w.crash()
			case what == 1 && len(w.objects) < 12:
				w.produce()
			case what <= 3 && len(w.late) > 0 || w.over && len(w.late) > 0:
				w.late[0]()
				w.late = w.late[1:]
				w.calls++
			case !w.over && len(w.todo) > 0:
				w.work()
			}
		}
		w.judge()
	})
}
