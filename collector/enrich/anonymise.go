package enrich

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/sflow"
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
		hideExtras(b, f, hide)
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

// hideExtras takes from the elements without a column those that are to be
// hidden. Their octets go too: who gets batches whole would see them.
func hideExtras(b *flow.Batch, f *flow.Flow, hide columns) {
	var c flow.Cursor
	for {
		e, v, ok := b.NextExtra(f, &c)
		if !ok {
			return
		}
		if mustHide(e, v, hide) {
			clear(v)
			b.DropLast(f, &c, len(v))
		}
	}
}

// hideFields does so with an options record. The first fields of NetFlow v9's
// are scopes, whose ids are no elements.
func hideFields(b *flow.Batch, o *flow.Option, hide columns) {
	var c flow.Cursor
	scopes := o.Scopes
	for i := 0; ; i++ {
		e, v, ok := b.NextField(o, &c)
		if !ok {
			return
		}
		scope := i < int(scopes)
		if scope && o.Version == 9 || !mustHide(e, v, hide) {
			continue
		}
		clear(v)
		b.DropLastField(o, &c, len(v))
		if scope {
			o.Scopes--
		}
	}
}

// hideRecords does so with the records of a counter sample.
func hideRecords(b *flow.Batch, c *flow.Counter, hide columns) {
	var at flow.Cursor
	for {
		e, v, ok := b.NextRecord(c, &at)
		if !ok {
			return
		}
		if l, rest := sflow.OfCounter(e.ID, v); l == nil || mustHideRecord(l, rest, hide) {
			clear(v)
			b.DropLastRecord(c, &at, len(v))
		}
	}
}

// mustHideRecord is mustHide for a record of sFlow: one of its fields says it.
// What is behind the fields nobody knows; a UUID is octets, which may be made of a
// MAC address.
func mustHideRecord(l *sflow.Layout, v []byte, hide columns) bool {
	c := sflow.Cursor{Rest: v}
	return hidesField(l, &c, hide) || c.Bad || len(c.Rest) > 0
}

func hidesField(l *sflow.Layout, c *sflow.Cursor, hide columns) bool {
	for i := range l.Fields {
		f := &l.Fields[i]
		if f.Optional && len(c.Rest) == 0 {
			return false
		}
		switch f.Kind {
		case sflow.Word, sflow.Int, sflow.Float:
			c.Take(4)
		case sflow.Long:
			c.Take(8)
		case sflow.MAC:
			if c.Take(8); hide&hideMAC != 0 {
				return true
			}
		case sflow.Text:
			if v := c.Text(); hide&hideUser != 0 && namesUser(f.Name) || hasAddress(string(v)) {
				return true
			}
		case sflow.Words:
			for range c.Count() {
				c.Take(4)
			}
		case sflow.Parts:
			for range c.Count() {
				if hidesField(f.Of, c, hide) {
					return true
				}
			}
		default: // addresses, and octets
			return true
		}
		if c.Bad {
			return true
		}
	}
	return false
}

// hideAll leaves no flow in b, and nothing in the rest that could be an address.
func hideAll(b *flow.Batch) {
	flows := b.Flows
	b.Flows = b.Flows[:0]
	for i := range b.Options {
		o := &b.Options[i]
		for _, v := range b.Fields(o) {
			clear(v)
		}
		o.SetFields(0, 0)
		o.Scopes = 0
	}
	for i := range b.Counters {
		c := &b.Counters[i]
		for _, v := range b.Records(c) {
			clear(v)
		}
		c.SetRecords(0, 0)
	}
	for i := range flows {
		for _, v := range b.Extra(&flows[i]) {
			clear(v)
		}
	}
}

// mustHide tells of an element without a column whether it is an address or may
// hold some, as octets, lists, what weir doesn't know, and texts with one in them
// do; or holds what columns are hidden for.
func mustHide(e flow.Element, v []byte, hide columns) bool {
	x, ok := ie.Lookup(e.PEN, e.ID)
	if !ok || x.Type.IsList() {
		return true
	}
	switch x.Type {
	case ie.OctetArray, ie.IPv4Address, ie.IPv6Address:
		return true
	case ie.MACAddress:
		return hide&hideMAC != 0
	case ie.String:
		return hide&hideUser != 0 && namesUser(x.Name) || hasAddress(string(v))
	}
	return false
}

// namesUser tells whether an element is the name of a user, of any vendor.
func namesUser(element string) bool {
	x := strings.ToLower(element)
	return strings.Contains(x, "user") && !strings.Contains(x, "useragent")
}

// hasAddress tells whether a text has an IP address in it, as that of
// X-Forwarded-For, a URL or a SIP URI may.
func hasAddress(text string) bool {
	for len(text) > 0 {
		n := strings.IndexFunc(text, func(r rune) bool { return !addressRune(r) })
		if n < 0 {
			n = len(text)
		}
		if n >= len("::1") && isAddress(text[:n]) {
			return true
		}
		text = text[min(n+1, len(text)):]
	}
	return false
}

func addressRune(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F' || r == ':' || r == '.'
}

// isAddress tells whether a run of the characters of addresses is one, or has an
// IPv4 address between colons, as its port and what is before may stand there.
func isAddress(run string) bool {
	run = strings.Trim(run, ".")
	if _, err := netip.ParseAddr(strings.TrimRight(run, ":")); err == nil {
		return true
	}
	if _, err := netip.ParseAddr(run); err == nil {
		return true
	}
	for part := range strings.SplitSeq(run, ":") {
		if a, err := netip.ParseAddr(strings.Trim(part, ".")); err == nil && a.Is4() {
			return true
		}
	}
	return false
}
