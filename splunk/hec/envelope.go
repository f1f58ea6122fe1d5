package hec

import (
	"strconv"

	"github.com/weirflow/weir/shared/flow"
)

// An Encoder says what is in the event of a flow. One goroutine uses it at a
// time.
type Encoder interface {
	// AppendRaw appends the event's text: what Splunk has as _raw. A flow without a
	// text can't be an event; it counts as failed.
	AppendRaw(dst []byte, b *flow.Batch, f *flow.Flow) []byte
	// AppendHost appends the event's host; without one it is the token's.
	AppendHost(dst []byte, b *flow.Batch, f *flow.Flow) []byte
	// Time returns the event's time in Unix nanoseconds. One before 1970 is left to
	// the indexer's clock.
	Time(b *flow.Batch, f *flow.Flow) int64
}

// An envelope writes what the event collector wants around an event's text.
type envelope struct {
	enc     Encoder
	meta    string // the members that all events share, with a comma behind each
	scratch []byte
}

func newEnvelope(c *Config, enc Encoder) *envelope {
	var meta []byte
	for _, x := range []struct{ name, value string }{{"source", c.Source}, {"sourcetype", c.Sourcetype}, {"index", c.Index}} {
		if x.value != "" {
			meta = append(meta, `"`+x.name+`":`...)
			meta = append(appendString(meta, x.value), ',')
		}
	}
	return &envelope{enc: enc, meta: string(meta)}
}

// append appends the event of a flow, unless its text is empty.
func (e *envelope) append(dst []byte, b *flow.Batch, f *flow.Flow) ([]byte, bool) {
	start := len(dst)
	dst = append(dst, '{')
	if t := e.enc.Time(b, f); t > 0 {
		dst = appendMillis(append(dst, `"time":`...), t)
		dst = append(dst, ',')
	}
	dst = append(dst, `"host":"`...)
	from := len(dst)
	dst = e.enc.AppendHost(dst, b, f)
	if len(dst) > from {
		dst, e.scratch = escape(dst, from, e.scratch)
		dst = append(dst, `",`...)
	} else {
		dst = dst[:from-len(`"host":"`)]
	}
	dst = append(dst, e.meta...)
	dst = append(dst, `"event":"`...)
	from = len(dst)
	dst = e.enc.AppendRaw(dst, b, f)
	if len(dst) == from {
		return dst[:start], false
	}
	dst, e.scratch = escape(dst, from, e.scratch)
	return append(dst, "\"}\n"...), true
}

// appendMillis appends t, Unix nanoseconds above 0, as seconds with three
// decimals; the rest is cut.
func appendMillis(dst []byte, t int64) []byte {
	dst = strconv.AppendInt(dst, t/1e9, 10)
	ms := t / 1e6 % 1e3
	return append(dst, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}
