package main

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

// outputFlags are the flags of how records are printed.
type outputFlags struct {
	format, profile string
}

var formats = []string{"json", "table", "msgpack", "protobuf"}

func (o *outputFlags) add(cmd *cobra.Command, format string) {
	cmd.Flags().StringVar(&o.format, "format", format, "`FORMAT` of the output: "+strings.Join(formats, ", ")+" (shared/encode/flow.proto, length-delimited)")
	cmd.Flags().StringVar(&o.profile, "profile", "ipfix", "`NAMES` of the fields: "+strings.Join(encode.Profiles(), ", "))
	complete(cmd, "format", formats...)
	complete(cmd, "profile", encode.Profiles()...)
}

// complete offers the values of a flag to the shell.
func complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic("flag does not exist: " + err.Error())
	}
}

// A writer puts records to an output. One goroutine uses it at a time.
type writer struct {
	out     io.Writer
	format  string
	profile encode.Profile
	enc     *encode.Encoder
	meta    bool
	table   table
	titled  bool
	buf     []byte
	object  []byte
}

func (o *outputFlags) writer(out io.Writer, meta bool) (*writer, error) {
	p, err := encode.ParseProfile(o.profile)
	if err != nil {
		return nil, usagef("--profile: %w", err)
	}
	if !slices.Contains(formats, o.format) {
		return nil, usagef("--format: no format %q: it is one of %s", o.format, strings.Join(formats, ", "))
	}
	if meta && o.format != "json" && o.format != "protobuf" {
		return nil, usagef("--meta goes with --format json or protobuf")
	}
	return &writer{out: out, format: o.format, profile: p, enc: encode.New(p), meta: meta, table: newTable()}, nil
}

// flows writes those of the flows of b, in one Write; which is ascending. packet
// is where they came from, for the meta keys.
func (w *writer) flows(b *flow.Batch, which []uint32, packet int) error {
	dst := w.buf[:0]
	switch w.format {
	case "protobuf":
		for _, i := range which {
			from := len(dst)
			dst = encode.Delimit(encode.AppendProtobuf(dst, b, &b.Flows[i]), from)
		}
		return w.put(dst)
	case "msgpack":
		for len(which) > 0 {
			n := 1
			for n < len(which) && which[n] == which[0]+uint32(n) {
				n++
			}
			dst = w.enc.AppendMsgpack(dst, b, b.Flows[which[0]:][:n])
			which = which[n:]
		}
		return w.put(dst)
	}
	if w.format == "table" && !w.titled {
		dst, w.titled = w.table.appendTitle(dst), true
	}
	for _, i := range which {
		f := &b.Flows[i]
		switch {
		case w.format == "table":
			dst = w.table.appendRow(dst, f)
		case w.meta:
			w.object = w.enc.AppendJSON(w.object[:0], b, f)
			dst = appendJoined(appendFlowMeta(dst, f, w.profile, packet, int(i)+1), w.object)
		default:
			dst = w.enc.AppendJSON(dst, b, f)
		}
		dst = append(dst, '\n')
	}
	return w.put(dst)
}

// options writes the options and counters of b, if meta is on: in JSON only the
// meta keys tell them from flows.
func (w *writer) options(b *flow.Batch, packet int) error {
	if !w.meta {
		return nil
	}
	dst := w.buf[:0]
	if w.format == "protobuf" {
		return w.put(appendOthersProtobuf(dst, b))
	}
	for i := range b.Options {
		o := &b.Options[i]
		w.object = w.enc.AppendOptionJSON(w.object[:0], b, o)
		dst = appendJoined(appendOptionMeta(dst, o, packet, i+1), w.object)
		dst = append(dst, '\n')
	}
	for i := range b.Counters {
		c := &b.Counters[i]
		w.object = w.enc.AppendCounterJSON(w.object[:0], b, c)
		dst = appendJoined(appendCounterMeta(dst, c, packet, i+1), w.object)
		dst = append(dst, '\n')
	}
	return w.put(dst)
}

func appendOthersProtobuf(dst []byte, b *flow.Batch) []byte {
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

func (w *writer) put(dst []byte) error {
	w.buf = dst[:0]
	if len(dst) == 0 {
		return nil
	}
	_, err := w.out.Write(dst)
	return err
}

// appendFlowMeta opens a JSON object with the keys that say what f is and where
// it came from. One that the profile gives f by itself is left out.
func appendFlowMeta(dst []byte, f *flow.Flow, p encode.Profile, packet, record int) []byte {
	own := func(x flow.Field, name string) bool {
		c := &flow.Fields[x]
		return f.Set.Has(x) && (p == encode.IPFIX && c.IPFIX == name || p == encode.Flat && c.Flat == name || p == encode.CIM && c.CIM == name)
	}
	dst = append(dst, `{"kind":"flow"`...)
	if !own(flow.FieldVersion, "version") {
		dst = appendNumber(dst, "version", uint64(f.Version))
	}
	dst = appendNumber(dst, "packet", uint64(packet))
	dst = appendNumber(dst, "record", uint64(record))
	if !own(flow.FieldExporter, "exporter") {
		dst = appendText(dst, "exporter", f.Exporter.String())
	}
	if !own(flow.FieldDomain, "domain") {
		dst = appendNumber(dst, "domain", uint64(f.Domain))
	}
	if f.Set.Has(flow.FieldStart) && !own(flow.FieldStart, "start") {
		dst = appendText(dst, "start", rfc3339(f.Start))
	}
	if f.Set.Has(flow.FieldEnd) && !own(flow.FieldEnd, "end") {
		dst = appendText(dst, "end", rfc3339(f.End))
	}
	if f.Marks&flow.Reverse != 0 {
		dst = append(dst, `,"reverse":true`...)
	}
	if f.Marks&flow.TimeReplaced != 0 {
		dst = append(dst, `,"time_replaced":true`...)
	}
	return dst
}

func appendOptionMeta(dst []byte, o *flow.Option, packet, record int) []byte {
	dst = append(dst, `{"kind":"options"`...)
	dst = appendNumber(dst, "version", uint64(o.Version))
	dst = appendNumber(dst, "packet", uint64(packet))
	dst = appendNumber(dst, "record", uint64(record))
	dst = appendText(dst, "exporter", o.Exporter.String())
	dst = appendNumber(dst, "domain", uint64(o.Domain))
	dst = appendNumber(dst, "template", uint64(o.Template))
	return appendNumber(dst, "scopes", uint64(o.Scopes))
}

func appendCounterMeta(dst []byte, c *flow.Counter, packet, record int) []byte {
	dst = append(dst, `{"kind":"counter"`...)
	dst = appendNumber(dst, "version", uint64(c.Version))
	dst = appendNumber(dst, "packet", uint64(packet))
	dst = appendNumber(dst, "record", uint64(record))
	dst = appendText(dst, "exporter", c.Exporter.String())
	return appendNumber(dst, "domain", uint64(c.Domain))
}

// appendJoined closes an open object with the members of another.
func appendJoined(dst, object []byte) []byte {
	if len(object) > len("{}") {
		dst = append(dst, ',')
	}
	return append(dst, object[1:]...)
}

func appendNumber(dst []byte, key string, v uint64) []byte {
	return strconv.AppendUint(append(append(append(dst, `,"`...), key...), `":`...), v, 10)
}

func appendText(dst []byte, key, v string) []byte {
	dst = append(append(append(dst, `,"`...), key...), `":"`...)
	return append(append(dst, v...), '"')
}
