package mqtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// A messageLog keeps persistent messages in one file of records, each of which is a unit of work: there as
// a whole or, when the end of the file is torn, not at all. One goroutine writes it; whatever
// arrives while it waits for the disk shares the next fdatasync.
type messageLog struct {
	dir     string
	numbers atomic.Uint64

	mu      sync.Mutex
	pending *batch
	ended   bool
	wake    chan struct{} // capacity 1
	stopped chan struct{} // closed when the goroutine has ended

	// The rest belongs to the goroutine.
	file      *os.File
	size      int64
	live      map[uint64]*message
	ends      map[syncKey]syncState
	liveBytes int64
	failed    error // once a write or a sync has failed nothing is known about the file
}

// A batch is what one fdatasync makes durable.
type batch struct {
	records [][]byte
	puts    []*message
	gets    []*message
	ends    []syncState
	done    chan struct{}
	reason  mqrc.Reason // valid when done is closed
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// compactAbove is the size from which on a log is written anew, if that makes it a quarter of it.
const compactAbove = 64 << 20

const logName = "messages.log"

// newLog writes a log that contains live and ends and nothing else, and starts its goroutine.
func newLog(dir string, live map[uint64]*message, ends map[syncKey]syncState) (*messageLog, error) {
	l := &messageLog{
		dir: dir, live: live, ends: ends, pending: newBatch(),
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	for number, m := range live {
		l.numbers.Store(max(l.numbers.Load(), number))
		l.liveBytes += m.logLength()
	}
	if err := l.compact(); err != nil {
		return nil, err
	}
	go l.run()
	return l, nil
}

// write makes puts and gets durable as one unit, with where the ends of channels are then; messages that are not
// persistent are none of its business.
func (l *messageLog) write(puts, gets []*message, ends ...syncState) mqrc.Reason {
	if l == nil {
		return mqrc.None
	}
	var r record
	puts, gets = persistent(puts), persistent(gets)
	if len(puts)+len(gets)+len(ends) == 0 {
		return mqrc.None
	}
	for _, m := range puts {
		m.logged = l.numbers.Add(1)
		r.put(m)
	}
	for _, m := range gets {
		r.get(m.logged)
	}
	for _, s := range ends {
		r.sync(s)
	}
	b, ok := l.add(r.seal(), puts, gets, ends)
	if !ok {
		return mqrc.ConnectionBroken
	}
	<-b.done
	return b.reason
}

// backouts makes backout counts durable: a message that kills its getter again and again must be
// found out by its count also where the queue manager goes down with it.
func (l *messageLog) backouts(gets []*message) {
	gets = persistent(gets)
	if l == nil || len(gets) == 0 {
		return
	}
	var r record
	for _, m := range gets {
		r.backout(m.logged)
	}
	if b, ok := l.add(r.seal(), nil, nil, nil); ok {
		<-b.done // without it the count is lost at worst: the message is not
	}
}

// forget takes a message off the log that has left its queue without a get, and does not wait: a crash brings it
// back, expired. Without it a log of messages that nobody gets would grow for ever.
func (l *messageLog) forget(m *message) {
	if l == nil || !m.persistent {
		return
	}
	var r record
	r.get(m.logged)
	l.add(r.seal(), nil, []*message{m}, nil)
}

func persistent(all []*message) (some []*message) {
	for _, m := range all {
		if m.persistent {
			some = append(some, m)
		}
	}
	return some
}

func (l *messageLog) add(record []byte, puts, gets []*message, ends []syncState) (*batch, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return nil, false
	}
	b := l.pending
	b.records = append(b.records, record)
	b.puts = append(b.puts, puts...)
	b.gets = append(b.gets, gets...)
	b.ends = append(b.ends, ends...)
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return b, true
}

func (l *messageLog) run() {
	defer close(l.stopped)
	for range l.wake {
		l.mu.Lock()
		b := l.pending
		l.pending = newBatch()
		l.mu.Unlock()
		l.flush(b)
		close(b.done)
	}
}

// flush writes one batch.
func (l *messageLog) flush(b *batch) {
	if l.failed == nil {
		l.failed = l.writeBatch(b)
	}
	if l.failed != nil {
		b.reason = mqrc.ResourceProblem
		return
	}
	for _, m := range b.puts {
		l.live[m.logged] = m
		l.liveBytes += m.logLength()
	}
	for _, m := range b.gets {
		delete(l.live, m.logged)
		l.liveBytes -= m.logLength()
	}
	for _, s := range b.ends {
		l.ends[s.key()] = s
	}
	if l.size > compactAbove && l.size > 4*l.liveBytes {
		l.failed = l.compact()
	}
}

func (l *messageLog) writeBatch(b *batch) error {
	for _, r := range b.records {
		if _, err := l.file.Write(r); err != nil {
			return err
		}
		l.size += int64(len(r))
	}
	return datasync(l.file)
}

// compact writes a new file with the live messages in it and puts it into the place of the old one.
// Both are closed for the rename: Windows does not rename a file that is open.
func (l *messageLog) compact() error {
	path := filepath.Join(l.dir, logName)
	size, err := writeLog(path+".new", l.live, l.ends)
	if err != nil {
		return err
	}
	if l.file != nil {
		if err := l.file.Close(); err != nil {
			return err
		}
	}
	if err := errors.Join(os.Rename(path+".new", path), syncDir(l.dir)); err != nil {
		return err
	}
	l.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	l.size = size
	return err
}

func writeLog(path string, live map[uint64]*message, ends map[syncKey]syncState) (size int64, err error) {
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	size, err = writeLive(file, live, ends)
	if err == nil {
		err = datasync(file)
	}
	return size, errors.Join(err, file.Close())
}

func writeLive(file *os.File, live map[uint64]*message, ends map[syncKey]syncState) (size int64, err error) {
	now := time.Now()
	if _, err := file.WriteString(logMagic); err != nil {
		return 0, err
	}
	size = int64(len(logMagic))
	for _, s := range ends {
		var r record
		r.sync(s)
		n, err := file.Write(r.seal())
		size += int64(n)
		if err != nil {
			return size, err
		}
	}
	for number, m := range live {
		if m.expired(now) {
			delete(live, number) // it has left its queue, or will when somebody looks
			continue
		}
		var r record
		m.queue.mu.Lock() // a backout may be counting
		r.put(m)
		m.queue.mu.Unlock()
		n, err := file.Write(r.seal())
		size += int64(n)
		if err != nil {
			return size, err
		}
	}
	return size, nil
}

// close ends the goroutine after what it has been given is durable.
func (l *messageLog) close() error {
	l.end()
	err := l.failed
	if err == nil {
		err = datasync(l.file)
	}
	if err = errors.Join(err, l.file.Close()); err != nil {
		return fmt.Errorf("mqtest: log of persistent messages: %w", err)
	}
	return nil
}

// kill ends it as a crash does, for everybody whose call has not been answered yet: from now on nothing
// is written any more. What was under way may have become durable or not.
func (l *messageLog) kill() {
	l.end()
	_ = l.file.Close()
}

func (l *messageLog) end() {
	l.mu.Lock()
	l.ended = true
	close(l.wake)
	l.mu.Unlock()
	<-l.stopped
}
