package decode

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// What other decoders say of the corpus is compared with what this one says: the
// same records, and of each record the 7-tuple, counters, times, and whatever
// else the other one states of it under a name of IANA's. Who is right where
// they differ is said in peers_explained_test.go.

// keyNames are the values that records are told apart by, and our names for
// them; a peer may mean any of those that a record has.
var keyNames = []struct {
	key   string
	names []string
}{
	{"src", []string{"sourceIPv4Address", "sourceIPv6Address"}},
	{"dst", []string{"destinationIPv4Address", "destinationIPv6Address"}},
	{"sport", []string{"sourceTransportPort", "udpSourcePort", "tcpSourcePort"}},
	{"dport", []string{"destinationTransportPort", "udpDestinationPort", "tcpDestinationPort"}},
	{"proto", []string{"protocolIdentifier"}},
	{"bytes", []string{"octetDeltaCount", "octetTotalCount", "initiatorOctets", "postOctetDeltaCount"}},
	{"packets", []string{"packetDeltaCount", "packetTotalCount", "initiatorPackets", "postPacketDeltaCount"}},
	{"tos", []string{"ipClassOfService"}},
	{"inif", []string{"ingressInterface"}},
	{"outif", []string{"egressInterface"}},
	{"start", []string{"start"}},
	{"end", []string{"end"}},
}

const keys = 12

// A peerRecord is a record as a peer has it.
type peerRecord struct {
	key    [keys]string // "" where it says nothing
	fields map[string][]string
}

// A ourRecord is a record of ours: by name, each value that goes by it.
type ourRecord struct {
	key    [keys][]string
	fields map[string][]string
	sflow  bool
	taken  bool
}

// decodeCase decodes a case and returns its flows, those of the other direction of a
// record that was split aside, and its options.
func decodeCase(t *testing.T, files []string) (flows, options []ourRecord) {
	t.Helper()
	d, e := newDecoder(), encode.New(encode.IPFIX)
	var b flow.Batch
	var text []byte
	for _, file := range files {
		for _, dg := range messages(t, file) {
			b.Reset()
			_ = d.Decode(&b, dg) // TestCorpus looks at the faults
			for i := range b.Flows {
				f := &b.Flows[i]
				if f.Marks&flow.Reverse != 0 {
					continue
				}
				text = e.AppendJSON(text[:0], &b, f)
				r := readOurs(t, text)
				r.sflow = f.Version == flow.SFlow5
				if f.Set.Has(flow.FieldStart) {
					r.fields["start"] = []string{strconv.FormatInt(f.Start/1e6, 10)}
					r.fields["flowStartSysUpTime"] = append(r.fields["flowStartSysUpTime"], uptime(d, dg.Data, f.Start))
				}
				for _, name := range []string{"flowStartDeltaMicroseconds", "flowEndDeltaMicroseconds"} {
					if f.Version == 10 && r.fields[name] != nil {
						x := map[bool]int64{true: f.Start, false: f.End}[name == "flowStartDeltaMicroseconds"]
						r.fields[name] = []string{strconv.FormatInt((int64(binary.BigEndian.Uint32(dg.Data[4:]))*1e9-x)/1e3, 10)}
					}
				}
				if f.Set.Has(flow.FieldEnd) {
					r.fields["end"] = []string{strconv.FormatInt(f.End/1e6, 10)}
					r.fields["flowEndSysUpTime"] = append(r.fields["flowEndSysUpTime"], uptime(d, dg.Data, f.End))
				}
				for k, names := range keyNames {
					for _, name := range names.names {
						r.key[k] = append(r.key[k], r.fields[name]...)
					}
				}
				flows = append(flows, r)
			}
			for i := range b.Options {
				text = e.AppendOptionJSON(text[:0], &b, &b.Options[i])
				options = append(options, readOurs(t, text))
			}
		}
	}
	return flows, options
}

// uptime turns an absolute time back into milliseconds since the exporter was
// started, by the header, or by what its options said of that.
func uptime(d *Decoder, data []byte, t int64) string {
	var boot int64
	switch version := binary.BigEndian.Uint16(data); {
	case version == 10 && d.session != nil:
		boot, _ = d.session.Boot(binary.BigEndian.Uint32(data[12:]))
	case version == 9:
		boot = int64(binary.BigEndian.Uint32(data[8:]))*1e9 - int64(binary.BigEndian.Uint32(data[4:]))*1e6
	case version < 9 && version > 0:
		boot = int64(binary.BigEndian.Uint32(data[8:]))*1e9 + int64(binary.BigEndian.Uint32(data[12:])) - int64(binary.BigEndian.Uint32(data[4:]))*1e6
	}
	return strconv.FormatUint(uint64(uint32((t-boot)/1e6)), 10)
}

// readOurs reads a record of ours. A column goes by the name of its first
// element, whichever of them filled it, and the second of a name has _2 behind
// it.
func readOurs(t *testing.T, text []byte) ourRecord {
	r := ourRecord{fields: map[string][]string{}}
	for name, v := range object(t, text) {
		s := normal(v)
		if text, _ := v.(string); name == "applicationId" && strings.HasPrefix(text, "0x") {
			b, _ := hex.DecodeString(text[2:])
			s = wireValue(ie.Element{ID: 95}, b)
		}
		if x := strings.HasSuffix(name, "Seconds") || strings.HasSuffix(name, "seconds"); x {
			if ms := when(v); ms != "" {
				s = ms
			}
		}
		if base, ord, ok := strings.Cut(name, "_"); ok {
			if _, err := strconv.Atoi(ord); err == nil {
				name = base
			}
		}
		r.fields[name] = append(r.fields[name], s)
		for _, other := range aliases[name] {
			r.fields[other] = append(r.fields[other], s)
		}
	}
	return r
}

// aliases are, for the name of a column, the other elements that may fill it.
var aliases = func() map[string][]string {
	m := map[string][]string{}
	for i := range flow.Fields {
		f := &flow.Fields[i]
		for _, id := range f.IEs {
			e, ok := ie.Lookup(0, id)
			for _, name := range []string{f.IPFIX, f.IPFIX6} {
				if ok && name != "" && e.Name != name && !slices.Contains(m[name], e.Name) {
					m[name] = append(m[name], e.Name)
				}
			}
		}
	}
	return m
}()

// fits tells whether r may be what the peer states in p.
func (r *ourRecord) fits(p *peerRecord) bool {
	for k := range p.key {
		if !same(k, p.key[k], r.key[k]) {
			return false
		}
	}
	return true
}

// same tells whether one of ours is the value of a key that a peer states. A
// time in whole seconds may have been cut.
func same(k int, theirs string, ours []string) bool {
	if theirs == "" || slices.Contains(ours, theirs) || theirs == "0" && len(ours) == 0 {
		return true
	}
	if keyNames[k].key != "start" && keyNames[k].key != "end" {
		return false
	}
	x, _ := strconv.ParseInt(theirs, 10, 64)
	within := int64(1)
	if x%1000 == 0 {
		within = 1000
	}
	for _, s := range ours {
		if y, err := strconv.ParseInt(s, 10, 64); err == nil && max(x-y, y-x) <= within {
			return true
		}
	}
	return false
}

// differences returns the names of the fields that r has otherwise or lacks.
func (r *ourRecord) differences(p *peerRecord) (names []string) {
	for name, values := range p.fields {
		for _, v := range values {
			if !slices.Contains(r.fields[name], v) && !r.silent(name, v) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// silent tells whether we leave a value out on purpose: the zero address of the
// family that the record isn't about, and a sampling interval of 0, which is
// none.
func (r *ourRecord) silent(name, v string) bool {
	switch v {
	case "::", "0.0.0.0":
		return len(r.fields[strings.Replace(name, "IPv6", "IPv4", 1)])+len(r.fields[strings.Replace(name, "IPv4", "IPv6", 1)]) > 0
	case "0":
		return name == "samplingInterval"
	}
	return false
}

// A tally is how what a peer says of a case differs from what we say.
type tally struct {
	missing int            // records of the peer that we don't have so
	extra   int            // records of ours that the peer doesn't have so
	keys    map[string]int // in which keys the missing ones differ from the extra ones next to them
	fields  map[string]int // in which fields the others differ, and how often
	first   string         // an example
}

func (x tally) String() string {
	var s []string
	if x.missing > 0 {
		s = append(s, fmt.Sprintf("missing=%d", x.missing))
	}
	if x.extra > 0 {
		s = append(s, fmt.Sprintf("extra=%d", x.extra))
	}
	for _, k := range slices.Sorted(maps.Keys(x.keys)) {
		s = append(s, fmt.Sprintf("%s=%d", k, x.keys[k]))
	}
	for _, k := range slices.Sorted(maps.Keys(x.fields)) {
		s = append(s, fmt.Sprintf("%s=%d", k, x.fields[k]))
	}
	return strings.Join(s, " ")
}

// compare takes the records of ours in turn for those of the peer: each time the
// first that fits in its keys and differs in the fewest fields.
func compare(theirs []peerRecord, ours []ourRecord) (x tally, values int) {
	for i := range ours {
		ours[i].taken = false
	}
	x.keys, x.fields = map[string]int{}, map[string]int{}
	var missing []*peerRecord
	first := 0 // all before it are taken
	for i := range theirs {
		p := &theirs[i]
		best, fewest := -1, []string(nil)
		for first < len(ours) && ours[first].taken {
			first++
		}
		for j := first; j < len(ours); j++ {
			r := &ours[j]
			if r.taken || !r.fits(p) {
				continue
			}
			names := r.differences(p)
			if best < 0 || len(names) < len(fewest) {
				best, fewest = j, names
			}
			if len(names) == 0 {
				break
			}
		}
		if best < 0 {
			missing = append(missing, p)
			continue
		}
		ours[best].taken = true
		values += len(p.fields)
		for _, name := range fewest {
			x.fields[name]++
			if x.first == "" {
				x.first = fmt.Sprintf("%s is %v, %v there", name, ours[best].fields[name], p.fields[name])
			}
		}
	}
	if x.missing = len(missing); x.missing > 0 {
		x.first = fmt.Sprintf("there is %q", missing[0].key)
	}
	for i := range ours {
		if !ours[i].taken {
			x.extra++
		}
	}
	for _, p := range missing {
		var least []string
		at := -1
		for j := range ours {
			if ours[j].taken {
				continue
			}
			var names []string
			for k := range p.key {
				if !same(k, p.key[k], ours[j].key[k]) {
					names = append(names, keyNames[k].key)
				}
			}
			if at < 0 || len(names) < len(least) {
				at, least = j, names
			}
		}
		if at >= 0 {
			ours[at].taken = true
			for _, name := range least {
				x.keys[name]++
			}
		}
	}
	return x, values
}

func TestPeers(t *testing.T) {
	cases := corpusCases(t)
	unseen := map[string]string{} // what differs, by case and peer, to why
	for _, e := range peersExplained {
		for line := range strings.Lines(e.differs) {
			if line = strings.TrimSpace(line); line != "" {
				unseen[line] = e.why
			}
		}
	}
	records, values := map[string]int{}, map[string]int{}
	differs := func(name, peer, kind string, x tally, n int) {
		t.Helper()
		values[peer] += n
		s := x.String()
		if s == "" {
			return
		}
		line := fmt.Sprintf("%s: %s: %s%s", name, peer, kind, s)
		if unseen[line] == "" {
			t.Errorf("%s: %s", line, x.first)
		}
		delete(unseen, line)
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		flows, options := peers(t, name)
		if len(flows) == 0 {
			continue
		}
		ourFlows, ourOptions := decodeCase(t, cases[name])
		for _, peer := range slices.Sorted(maps.Keys(flows)) {
			records[peer] += len(flows[peer]) + len(options[peer])
			mine := ourFlows
			if peer != "telegraf" {
				mine = slices.DeleteFunc(slices.Clone(mine), func(r ourRecord) bool { return r.sflow })
			}
			x, n := compare(flows[peer], mine)
			y, k := compare(options[peer], ourOptions)
			if peer == "logstash-codec-netflow" { // it states some records of a case
				x.extra, y.extra = 0, 0
			}
			differs(name, peer, "", x, n)
			differs(name, peer, "options ", y, k)
		}
	}
	for line, why := range unseen {
		t.Errorf("no longer: %s: %s", line, why)
	}
	for _, peer := range slices.Sorted(maps.Keys(records)) {
		if records[peer] == 0 {
			t.Errorf("%s: no records", peer)
		}
		t.Logf("%s: %d records, %d values beside their keys", peer, records[peer], values[peer])
	}
}
