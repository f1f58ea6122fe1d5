package doctor

import (
	"net/netip"
	"slices"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// A State says how an exporter's domain is.
type State string

const (
	Up         State = "up"         // sends, and can be read
	Unreadable State = "unreadable" // sends, but nothing could be decoded yet
	Quiet      State = "silent"     // nothing has come for Silent
)

// StateOf returns how a domain is.
func StateOf(l *pipeline.Ledger, now int64) State {
	switch {
	case time.Duration(now-l.Last) > Silent:
		return Quiet
	case l.Decoded == 0:
		return Unreadable
	}
	return Up
}

// Better tells whether s is a better state than t.
func (s State) Better(t State) bool {
	order := []State{Up, Unreadable, Quiet}
	return slices.Index(order, s) < slices.Index(order, t)
}

// Protocol names a Flow's Version in a word.
func Protocol(version uint8) string {
	switch version {
	case 10:
		return "ipfix"
	case flow.SFlow5:
		return "sflow5"
	}
	return "netflow" + string(rune('0'+version%10))
}

// Newest is when each domain was last heard: an exporter that restarts may send from
// another port then, which makes another ledger.
type Newest map[domain]int64

// A domain is an observation domain, whatever port it comes from.
type domain struct {
	exporter netip.Addr
	number   uint32
	version  uint8
}

func domainOf(l *pipeline.Ledger) domain {
	return domain{l.Exporter.Unmap(), l.Domain, l.Version}
}

// NewestOf returns it of ledgers.
func NewestOf(all []pipeline.Ledger) Newest {
	n := Newest{}
	for i := range all {
		k := domainOf(&all[i])
		n[k] = max(n[k], all[i].Last)
	}
	return n
}

// Moved tells whether l's domain is heard from another port since.
func (n Newest) Moved(l *pipeline.Ledger, now int64) bool {
	return StateOf(l, now) == Quiet && n[domainOf(l)] > l.Last
}

// Sessions are those of a template store, by address.
type Sessions map[netip.Addr][]*template.Session

// SessionsOf sorts sessions by address.
func SessionsOf(all []*template.Session) Sessions {
	s := Sessions{}
	for _, x := range all {
		a := x.From.Addr().Unmap()
		s[a] = append(s[a], x)
	}
	return s
}

// Of returns the sessions that speak for k: its own or, as templates may come
// from another port than data, those of its address.
func (s Sessions) Of(k *pipeline.Key) (out []*template.Session) {
	for _, x := range s[k.From.Addr().Unmap()] {
		if x.Version != k.Version || x.Over != k.Over {
			continue
		}
		if x.From == k.From {
			return []*template.Session{x}
		}
		if !k.Over.Connected() {
			out = append(out, x)
		}
	}
	return out
}

// Learn enters how many templates sessions have announced for p's domain, and which
// platform that tells of.
func (p *Patient) Learn(sessions []*template.Session) {
	p.Templates, p.Options = 0, 0
	var enterprises []uint32
	for _, x := range sessions {
		x.Announced(func(domain uint32, t *template.Template, _ int64) {
			if domain != p.Domain {
				return
			}
			if t.Options {
				p.Options++
			} else {
				p.Templates++
			}
			for _, f := range t.Fields {
				if f.PEN != 0 && !slices.Contains(enterprises, f.PEN) {
					enterprises = append(enterprises, f.PEN)
				}
			}
		})
	}
	p.Platform = Platform(enterprises, p.Inclusive)
}
