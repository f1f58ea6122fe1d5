package sink

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

// The formats of a file.
const (
	formatJSON     = "json"
	formatMsgpack  = "msgpack"
	formatProtobuf = "protobuf"
)

var formats = []string{formatJSON, formatMsgpack, formatProtobuf}

// oneOf says that key must be one of names.
func oneOf(key, value string, names []string) error {
	if slices.Contains(names, value) {
		return nil
	}
	return fmt.Errorf("%s is %q: write one of %s", key, value, strings.Join(names, ", "))
}

// records writes the records of batches one behind the other. One goroutine
// uses it at a time.
type records struct {
	format string
	all    bool // options and counters too
	enc    *encode.Encoder
}

// append appends the records of b that are to be written.
func (r *records) append(dst []byte, b *flow.Batch) []byte {
	fl := b.Flows
	switch r.format {
	case formatMsgpack:
		return r.enc.AppendMsgpack(dst, b, fl)
	case formatProtobuf:
		return r.appendProtobuf(dst, b, fl)
	}
	for i := range fl {
		dst = append(r.enc.AppendJSON(dst, b, &fl[i]), '\n')
	}
	if r.all {
		dst = r.appendRest(dst, b)
	}
	return dst
}

func (r *records) appendProtobuf(dst []byte, b *flow.Batch, fl []flow.Flow) []byte {
	for i := range fl {
		from := len(dst)
		dst = encode.Delimit(encode.AppendProtobuf(dst, b, &fl[i]), from)
	}
	if !r.all {
		return dst
	}
	for i := range b.Options {
		from := len(dst)
		dst = encode.Delimit(encode.AppendOptionProtobuf(dst, b, &b.Options[i]), from)
	}
	for i := range b.Counters {
		from := len(dst)
		dst = encode.Delimit(encode.AppendCounterProtobuf(dst, b, &b.Counters[i]), from)
	}
	return dst
}

// appendRest appends options and counters as JSON. What they are and whose
// stands around them; flows have no such key.
func (r *records) appendRest(dst []byte, b *flow.Batch) []byte {
	for i := range b.Options {
		o := &b.Options[i]
		dst = appendOrigin(dst, "options", &o.Exporter, o.Domain, o.Received)
		dst = append(strconv.AppendUint(append(dst, `,"template":`...), uint64(o.Template), 10), `,"fields":`...)
		dst = append(r.enc.AppendOptionJSON(dst, b, o), "}\n"...)
	}
	for i := range b.Counters {
		c := &b.Counters[i]
		dst = append(appendOrigin(dst, "counters", &c.Exporter, c.Domain, c.Received), `,"fields":`...)
		dst = append(r.enc.AppendCounterJSON(dst, b, c), "}\n"...)
	}
	return dst
}

func appendOrigin(dst []byte, kind string, exporter *flow.Addr, domain uint32, received int64) []byte {
	dst = append(append(append(dst, `{"kind":"`...), kind...), `","exporter":"`...)
	dst = append(exporter.Netip().AppendTo(dst), `","domain":`...)
	dst = append(strconv.AppendUint(dst, uint64(domain), 10), `,"received":`...)
	return strconv.AppendInt(dst, received, 10)
}
