package mqtest

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const objectsName = "objects.mqsc"

// ErrInUse says that another queue manager has the data directory open.
var ErrInUse = errors.New("mqtest: data directory is in use by another queue manager")

// recover reads definitions and messages from dir and opens its log. The directory stays locked until
// close, kill, or the end of the process.
func (q *QueueManager) recover(dir string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if q.lock, err = lockDir(filepath.Join(dir, "lock")); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = q.lock.Close()
		}
	}()
	q.dir = dir
	script, err := os.ReadFile(filepath.Join(dir, objectsName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := q.runScript(string(script)); err != nil {
		return fmt.Errorf("%s: %w", objectsName, err)
	}
	live, err := q.reload(filepath.Join(dir, logName))
	if err != nil {
		return err
	}
	q.hideDoubtful(live)
	q.log, err = newLog(dir, live, maps.Clone(q.sync))
	return err
}

// reload puts the messages of a log back on their queues, in the order in which they were put.
func (q *QueueManager) reload(path string) (map[uint64]*message, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return make(map[uint64]*message), nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	found, err := replay(bufio.NewReaderSize(file, 1<<20))
	if err != nil {
		return nil, err
	}
	q.sync = found.ends
	live := make(map[uint64]*message, len(found.live))
	inOrder := func(a, b recovered) int { return cmp.Compare(a.sequence, b.sequence) }
	for _, m := range slices.SortedFunc(maps.Values(found.live), inOrder) {
		local := q.objects.queues[m.queueName]
		if local == nil { // a crash came between the definition and its file, and the message in between
			local = q.objects.newQueue(m.queueName)
		}
		local.restore(m.message)
		live[m.logged] = m.message
	}
	return live, nil
}

// restore links a message that was on the queue before.
func (q *queue) restore(m *message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.arrived = m.sequence - 1
	q.link(m, visible)
}

// saveDefinitions makes durable what was changed otherwise than by a script.
func (q *QueueManager) saveDefinitions() error {
	q.defining <- struct{}{}
	defer func() { <-q.defining }()
	q.mu.Lock()
	saved := q.objects.script()
	q.mu.Unlock()
	return q.save(saved)
}

// save writes the definitions to the data directory.
func (q *QueueManager) save(script string) error {
	if q.dir == "" {
		return nil
	}
	path := filepath.Join(q.dir, objectsName)
	file, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	_, err = file.WriteString(script)
	if err = errors.Join(err, datasync(file), file.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(file.Name(), path), syncDir(q.dir))
}

// script writes the definitions so that MQSC reads them back.
func (o *objects) script() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ALTER QMGR MAXMSGL(%d) MAXUMSGS(%d) DEADQ('%s') DEFXMITQ('%s') CHLAUTH(%s)\n", o.maxMessageLength,
		o.maxUncommitted, o.deadLetter, o.defaultTransmission, pick(o.authenticationOff, "DISABLED", "ENABLED"))
	for _, name := range slices.Sorted(maps.Keys(o.queues)) {
		q := o.queues[name]
		q.mu.Lock()
		attrs := q.attrs
		q.mu.Unlock()
		fmt.Fprintf(&b, "DEFINE QLOCAL('%s') %s REPLACE\n", name, attrs)
	}
	for _, name := range slices.Sorted(maps.Keys(o.remotes)) {
		fmt.Fprintf(&b, "DEFINE QREMOTE('%s') %s REPLACE\n", name, o.remotes[name])
	}
	for _, name := range slices.Sorted(maps.Keys(o.aliases)) {
		fmt.Fprintf(&b, "DEFINE QALIAS('%s') TARGET('%s') REPLACE\n", name, o.aliases[name])
	}
	for _, name := range slices.Sorted(maps.Keys(o.channels)) {
		c := o.channels[name]
		fmt.Fprintf(&b, "DEFINE CHANNEL('%s') CHLTYPE(SVRCONN) MAXMSGL(%d) HBINT(%d) MAXINST(%d) MAXINSTC(%d) SSLCIPH('%s') SSLCAUTH(%s) REPLACE\n",
			name, c.maxLength, c.heartbeat, c.maxInstances, c.maxOfClient, c.cipher, pick(c.certificate, "REQUIRED", "OPTIONAL"))
	}
	for _, lines := range [][]string{o.channelScript(), o.authenticationScript(), o.serviceScript()} {
		for _, line := range lines {
			fmt.Fprintln(&b, line)
		}
	}
	return b.String()
}

func pick(yes bool, ifYes, ifNo string) string {
	if yes {
		return ifYes
	}
	return ifNo
}

func (a attributes) String() string {
	return fmt.Sprintf("MAXDEPTH(%d) MAXMSGL(%d) DEFPRTY(%d) PUT(%s) GET(%s) %s DEFSOPT(%s) DEFPSIST(%s) MSGDLVSQ(%s) USAGE(%s) %s",
		a.maxDepth, a.maxLength, a.defPriority,
		pick(a.putInhibited, "DISABLED", "ENABLED"), pick(a.getInhibited, "DISABLED", "ENABLED"),
		pick(a.noShare, "NOSHARE", "SHARE"), pick(a.exclusive, "EXCL", "SHARED"),
		pick(a.defPersistent, "YES", "NO"), pick(a.fifo, "FIFO", "PRIORITY"),
		pick(a.transmission, "XMITQ", "NORMAL"), pick(a.triggered, "TRIGGER", "NOTRIGGER"))
}
