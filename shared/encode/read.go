package encode

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/weirflow/weir/shared/flow"
)

// SetText sets column x of f, whose texts are those of b, to what a text says: the
// value as the profile flat writes it, without quotes. An error leaves f as it was.
func SetText(b *flow.Batch, f *flow.Flow, x flow.Field, text string) error {
	var v uint64
	switch info := &flow.Fields[x]; info.Kind {
	case flow.KindAddr:
		a, err := netip.ParseAddr(text)
		if err != nil {
			return err
		}
		*f.Addr(x) = flow.AddrFrom(a)
		f.Set.Add(x)
		return nil
	case flow.KindStr:
		v = uint64(b.Strings.Intern([]byte(text)))
	case flow.KindTime:
		ns, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		v = uint64(ns)
	case flow.KindMAC:
		m, ok := flow.ParseMAC(text)
		if !ok {
			return fmt.Errorf("%q is no MAC address", text)
		}
		v = uint64(m)
	case flow.KindApp:
		app, ok := flow.ParseApp(text)
		if !ok {
			return fmt.Errorf("%q is no application: write engine:selector", text)
		}
		v = app
	default:
		n, err := strconv.ParseUint(text, 10, 8*int(info.Size))
		if err != nil {
			return err
		}
		v = n
	}
	old := f.Uint(x)
	if f.SetUint(x, v); f.Uint(x) != v {
		f.SetUint(x, old)
		return fmt.Errorf("%s has no room for %.40q", flow.Fields[x].Flat, text)
	}
	f.Set.Add(x)
	return nil
}
