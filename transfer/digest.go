package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// Digest is how a whole file is proven at its end, besides the CRC32C of each frame. Agents agree on it when a
// transfer begins, and keep it to its end.
type Digest string

const (
	// SHA256 finds any change, also one made on purpose. It is what a transfer on a fast link spends
	// most of its time on.
	SHA256 Digest = "sha256"
	// CRC32C finds what disks, memory and networks do to data by accident: it is combined from the
	// checksums of the frames, so it proves that each of them arrived in its place, and costs nothing. It
	// does not find what somebody changes on purpose.
	CRC32C Digest = "crc32c"
)

func (d Digest) known() bool { return d != "" && d.format() > 0 }

// format is the first format of the journal with a place for d; 0: d is not known.
func (d Digest) format() int {
	switch d {
	case "", SHA256, CRC32C:
		return firstFormat
	}
	return 0
}

// begin starts a digest. An empty Digest stands in journals written before there was a choice.
func (d Digest) begin() digest {
	if d == CRC32C {
		return &crcDigest{}
	}
	return &shaDigest{Hash: sha256.New()}
}

// resume goes on at a point of the journal; nil: this program cannot.
func (d Digest) resume(p point) digest {
	h := d.begin()
	if len(p.State) == 0 || h.load(p.State) != nil {
		return nil
	}
	if sum := h.sum(); !bytes.Equal(sum[:], p.Sum) {
		return nil
	}
	return h
}

// digest is the digest of a file up to some place.
type digest interface {
	io.Writer
	// frame is Write for bytes whose CRC32C is known.
	frame(b []byte, crc uint32)
	sum() [sha256.Size]byte
	appendState(b []byte) ([]byte, error)
	load(state []byte) error
}

type shaDigest struct {
	hash.Hash
	last [sha256.Size]byte // so that sum allocates nothing
}

func (d *shaDigest) frame(b []byte, _ uint32) { d.Write(b) }

func (d *shaDigest) sum() [sha256.Size]byte {
	d.Sum(d.last[:0])
	return d.last
}

func (d *shaDigest) appendState(b []byte) ([]byte, error) {
	return d.Hash.(encoding.BinaryAppender).AppendBinary(b)
}

func (d *shaDigest) load(state []byte) error {
	return d.Hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(state)
}

// crcDigest is the CRC32C of the file, put together from those of its pieces.
type crcDigest struct {
	crc   uint32
	shift crcShift
}

func (d *crcDigest) Write(b []byte) (int, error) {
	d.crc = crc32.Update(d.crc, castagnoli, b)
	return len(b), nil
}

func (d *crcDigest) frame(b []byte, crc uint32) { d.crc = d.shift.over(len(b), d.crc) ^ crc }

func (d *crcDigest) sum() (s [sha256.Size]byte) {
	binary.BigEndian.PutUint32(s[:], d.crc)
	return s
}

func (d *crcDigest) appendState(b []byte) ([]byte, error) {
	return binary.BigEndian.AppendUint32(b, d.crc), nil
}

func (d *crcDigest) load(state []byte) error {
	if len(state) != 4 {
		return fmt.Errorf("transfer: the state of a CRC has 4 bytes, not %d", len(state))
	}
	d.crc = binary.BigEndian.Uint32(state)
	return nil
}

// crcShift moves a CRC over zero bytes. Appending b to a changes crc(a) as appending len(b) zero bytes does,
// and then adds crc(b): a CRC is linear, so that is a product of a matrix over GF(2) and the CRC. The matrix
// for one zero bit is known, and squaring a matrix doubles how many zeros it stands for.
type crcShift struct {
	length int // of matrix
	matrix crcMatrix
}

// crcMatrix is 32 columns of 32 bits.
type crcMatrix [32]uint32

// over gives crc after n zero bytes. Frames have all the same length but the last, so the matrix is kept.
func (s *crcShift) over(n int, crc uint32) uint32 {
	if n != s.length {
		s.length, s.matrix = n, zeros(n)
	}
	return s.matrix.times(crc)
}

func (m *crcMatrix) times(v uint32) (sum uint32) {
	for i := 0; v != 0; i, v = i+1, v>>1 {
		sum ^= m[i] & -(v & 1)
	}
	return sum
}

func (m *crcMatrix) squared() (s crcMatrix) {
	for i := range m {
		s[i] = m.times(m[i])
	}
	return s
}

// zeros is the matrix for n zero bytes.
func zeros(n int) crcMatrix {
	var power, product crcMatrix
	power[0] = crc32.Castagnoli // one zero bit, in the reflected order of bits that package crc32 uses
	for i := 1; i < 32; i++ {
		power[i] = 1 << (i - 1)
	}
	for i := range product {
		product[i] = 1 << i
	}
	for bits := n * 8; bits > 0; bits >>= 1 {
		if bits&1 != 0 {
			for i := range product {
				product[i] = power.times(product[i])
			}
		}
		power = power.squared()
	}
	return product
}
