package enrich

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// columns are those that an operator wants hidden.
type columns uint8

const (
	hideSrc columns = 1 << iota
	hideDst
	hideNAT
	hideNextHop
	hideMAC
	hideUser
)

// columnNames are the words for them, in their order.
var columnNames = [...]string{"src", "dst", "nat", "next_hop", "mac", "user"}

// prepareAnonymise takes from a what hiding needs. The cryptopan of before goes
// on where the key is the same.
func (t *tables) prepareAnonymise(before *tables) error {
	a := &t.cfg.Anonymise
	if a.Mode == None || a.Mode == "" {
		return nil
	}
	for _, x := range a.Columns {
		t.hide |= 1 << slices.Index(columnNames[:], x)
	}
	if a.Mode != Cryptopan {
		return nil
	}
	key, err := a.key()
	if err != nil {
		return fmt.Errorf("anonymise: %w", err)
	}
	if before != nil && before.pan != nil && bytes.Equal(before.pan.key, key) {
		t.pan = before.pan
		return nil
	}
	t.pan, err = newCryptopan(key)
	return err
}

// anonymise hides what the operator wants hidden.
func (w *worker) anonymise(b *flow.Batch, f *flow.Flow) {
	hide := w.tables.hide
	if hide&hideSrc != 0 {
		w.hideAddr(f, flow.FieldSrcAddr, &f.SrcAddr)
	}
	if hide&hideDst != 0 {
		w.hideAddr(f, flow.FieldDstAddr, &f.DstAddr)
	}
	if hide&hideNAT != 0 {
		w.hideAddr(f, flow.FieldNATSrcAddr, &f.NATSrcAddr)
		w.hideAddr(f, flow.FieldNATDstAddr, &f.NATDstAddr)
	}
	if hide&hideNextHop != 0 {
		w.hideAddr(f, flow.FieldNextHop, &f.NextHop)
		w.hideAddr(f, flow.FieldBGPNextHop, &f.BGPNextHop)
	}
	if hide&hideMAC != 0 {
		f.SrcMAC, f.DstMAC = 0, 0
		f.Set.Del(flow.FieldSrcMAC)
		f.Set.Del(flow.FieldDstMAC)
	}
	if hide&hideUser != 0 {
		f.User = 0
		f.Set.Del(flow.FieldUser)
	}
	if f.HasExtra() {
		hideExtras(b, f)
	}
}

func (w *worker) hideAddr(f *flow.Flow, x flow.Field, a *flow.Addr) {
	if !f.Set.Has(x) || w.tables.cfg.Anonymise.HomeOnly && !w.tables.home.Contains(a.Netip()) {
		return
	}
	if w.veil != nil {
		w.veil.hide(a)
		return
	}
	if a.Is4() {
		truncate(a, 96+w.tables.cfg.Anonymise.IPv4)
	} else {
		truncate(a, w.tables.cfg.Anonymise.IPv6)
	}
}

// truncate clears all but the first n bits of a.
func truncate(a *flow.Addr, n int) {
	// Shifts of 64 and more give 0.
	high, low := ^uint64(0)<<(64-min(n, 64)), ^uint64(0)<<(128-max(n, 64))
	binary.BigEndian.PutUint64(a[:8], binary.BigEndian.Uint64(a[:8])&high)
	binary.BigEndian.PutUint64(a[8:], binary.BigEndian.Uint64(a[8:])&low)
}

// hideExtras takes from the elements without a column those that are addresses
// or may hold some: octets, lists, and what weir doesn't know.
func hideExtras(b *flow.Batch, f *flow.Flow) {
	var c flow.Cursor
	for {
		e, v, ok := b.NextExtra(f, &c)
		if !ok {
			return
		}
		if mayHoldAddress(e) {
			b.DropLast(f, &c, len(v))
		}
	}
}

func mayHoldAddress(e flow.Element) bool {
	x, ok := ie.Lookup(e.PEN, e.ID)
	return !ok || x.Type == ie.OctetArray || x.Type == ie.IPv4Address || x.Type == ie.IPv6Address || x.Type.IsList()
}
