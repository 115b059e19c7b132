package ref

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"path/filepath"
)

const (
	slotBytes = 512 // a sector, which no disk tears
	slots     = 64
)

// journal is a ring of slots, filled with zeros in the beginning: to write over a block costs a sync
// half of what it costs to write a new one.
type journal struct {
	disk disk
	name string
	file file
	seq  uint64
	slot [slotBytes]byte
}

func newJournal(d disk, dest string) (*journal, error) {
	j := &journal{disk: d, name: filepath.Join(filepath.Dir(dest), "."+filepath.Base(dest)+".journal")}
	var err error
	if j.file, err = d.create(j.name); err != nil {
		return nil, err
	}
	if _, err = j.file.WriteAt(make([]byte, slots*slotBytes), 0); err == nil {
		err = j.file.dataSync()
	}
	if err == nil {
		err = d.syncDir(filepath.Dir(dest))
	}
	if err != nil {
		return nil, errors.Join(err, j.remove())
	}
	return j, nil
}

// record durably says that all before m is durable.
func (j *journal) record(m mark) error {
	clear(j.slot[:])
	le := binary.LittleEndian
	le.PutUint64(j.slot[8:], j.seq)
	le.PutUint64(j.slot[16:], uint64(m.offset))
	copy(j.slot[24:], m.state)
	le.PutUint32(j.slot[0:], crc32.Checksum(j.slot[4:], castagnoli))
	_, err := j.file.WriteAt(j.slot[:], int64(j.seq%slots)*slotBytes)
	if err != nil {
		return err
	}
	j.seq++
	return j.file.dataSync()
}

func (j *journal) remove() error { return errors.Join(j.file.Close(), j.disk.remove(j.name)) }
