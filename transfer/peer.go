package transfer

import (
	"encoding/hex"
	"fmt"
	"slices"
)

// incarnation is 128 random bits made together with a state directory. A new one under an old name
// means that the old directory is gone, with all that its agent remembered.
type incarnation [16]byte

func (i incarnation) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(i[:])), nil }

func (i *incarnation) UnmarshalText(text []byte) error {
	if len(text) != 2*len(i) {
		return fmt.Errorf("transfer: an incarnation has %d digits", 2*len(i))
	}
	_, err := hex.Decode(i[:], text)
	return err
}

// peerRecord is what is durably known of another agent, so that its past instances are not listened
// to: neither a stopped holder that wakes nor a message that was on the way for long.
type peerRecord struct {
	Name        string        `json:"name"`
	Incarnation incarnation   `json:"incarnation"`
	Epoch       uint64        `json:"epoch"` // the highest seen
	Retired     []incarnation `json:"retired,omitempty"`
	Lowest      uint64        `json:"lowest"`              // every transfer below is over at both sides
	Confirmed   []uint64      `json:"confirmed,omitempty"` // over as well, but above Lowest
}

// standing is what a frame's incarnation and epoch mean.
type standing int

const (
	current standing = iota
	newer            // must be made durable before the frame is acted upon
	older            // dropped
)

func (p *peerRecord) judge(in incarnation, epoch uint64) standing {
	switch {
	case slices.Contains(p.Retired, in):
		return older
	case in != p.Incarnation:
		return newer
	case epoch < p.Epoch:
		return older
	case epoch > p.Epoch:
		return newer
	}
	return current
}

// raised is the record after a frame that judge called newer.
func (p *peerRecord) raised(in incarnation, epoch uint64) *peerRecord {
	n := *p
	if in != p.Incarnation && p.Incarnation != (incarnation{}) {
		n.Retired = append(slices.Clip(p.Retired), p.Incarnation)
		n.Lowest, n.Confirmed = 0, nil
	}
	n.Incarnation, n.Epoch = in, epoch
	return &n
}

// over says that the transfer of that number has ended and was confirmed, so that a late
// announcement must not begin it again.
func (p *peerRecord) over(number uint64) bool {
	return number < p.Lowest || slices.Contains(p.Confirmed, number)
}

func (p *peerRecord) confirm(number uint64) {
	if !p.over(number) {
		p.Confirmed = append(p.Confirmed, number)
	}
}

// settle takes the sender's word that everything below lowest is over.
func (p *peerRecord) settle(lowest uint64) (changed bool) {
	if lowest <= p.Lowest {
		return false
	}
	p.Lowest = lowest
	p.Confirmed = slices.DeleteFunc(slices.Clone(p.Confirmed), func(n uint64) bool { return n < lowest })
	return true
}
