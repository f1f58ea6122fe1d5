package modinput

import (
	"net/netip"
	"strconv"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// The source types of what isn't flows.
const (
	statsType   = "weir:stats"
	optionType  = "weir:option"
	counterType = "weir:counter"
	findingType = "weir:finding"
)

// A recorder writes records that are no flows as events of a stanza: a JSON
// object each. One goroutine uses it at a time.
type recorder struct {
	open                            string // <event …><time>
	options, counters, found, stats string // </time><sourcetype>…
	enc                             *encode.Encoder
	scratch                         []byte
}

func newRecorder(stanza string) *recorder {
	of := func(sourcetype string) string { return "</time><sourcetype>" + sourcetype + "</sourcetype>" }
	return &recorder{
		open:    `<event stanza="` + escaped(stanza) + `"><time>`,
		options: of(optionType), counters: of(counterType), found: of(findingType), stats: of(statsType),
		enc: encode.New(encode.CIM),
	}
}

// begin begins an event. Without a host it has that of splunkd.
func (r *recorder) begin(dst []byte, kind string, at int64, host netip.Addr) []byte {
	dst = append(dst, r.open...)
	dst = appendMillis(dst, at)
	dst = append(dst, kind...)
	if host.IsValid() && !host.IsUnspecified() {
		dst = append(dst, "<host>"...)
		dst = host.Unmap().WithZone("").AppendTo(dst)
		dst = append(dst, "</host>"...)
	}
	return append(dst, "<data>"...)
}

const eventEnd = "</data></event>\n"

// json appends a JSON object as an event of a kind.
func (r *recorder) json(dst []byte, kind string, at int64, host netip.Addr, object []byte) []byte {
	dst = appendXML(r.begin(dst, kind, at, host), object)
	return append(dst, eventEnd...)
}

// appendQuoted appends s as a JSON string.
func appendQuoted(dst []byte, s string) []byte { return ie.AppendJSON(dst, ie.String, []byte(s)) }

// option appends o: who announced it, and its fields under their IANA names.
func (r *recorder) option(dst []byte, b *flow.Batch, o *flow.Option) []byte {
	exporter := o.Exporter.Netip()
	dst = r.begin(dst, r.options, o.Received, exporter)
	dst = who(dst, exporter, o.Sender.Netip(), o.Domain, o.Version)
	dst = append(dst, `,"template":`...)
	dst = strconv.AppendUint(dst, uint64(o.Template), 10)
	r.scratch = r.enc.AppendOptionJSON(r.scratch[:0], b, o)
	return r.end(dst)
}

// counter appends c: whose it is, and its counters under the names of their MIB.
func (r *recorder) counter(dst []byte, b *flow.Batch, c *flow.Counter) []byte {
	exporter := c.Exporter.Netip()
	dst = r.begin(dst, r.counters, c.Received, exporter)
	dst = who(dst, exporter, c.Sender.Netip(), c.Domain, c.Version)
	r.scratch = r.enc.AppendCounterJSON(r.scratch[:0], b, c)
	return r.end(dst)
}

// who begins an object with what all records of exporters have.
func who(dst []byte, exporter, sender netip.Addr, domain uint32, version uint8) []byte {
	dst = append(dst, `{"dvc_ip":"`...)
	dst = exporter.AppendTo(dst)
	if sender != exporter && !sender.IsUnspecified() {
		dst = append(dst, `","sender":"`...)
		dst = sender.AppendTo(dst)
	}
	dst = append(dst, `","domain":`...)
	dst = strconv.AppendUint(dst, uint64(domain), 10)
	dst = append(dst, `,"version":`...)
	return strconv.AppendUint(dst, uint64(version), 10)
}

// end appends the members of the object in scratch to the one that is begun.
func (r *recorder) end(dst []byte) []byte {
	if len(r.scratch) > 2 {
		dst = append(dst, ',')
	}
	dst = appendXML(dst, r.scratch[1:])
	return append(dst, eventEnd...)
}
