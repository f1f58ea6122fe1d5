package store

import (
	"strconv"

	"github.com/weirflow/weir/shared/flow"
)

// SchemaVersion is the version of the files that this weir writes. It reads all
// up to this one.
const SchemaVersion = 1

// Keys of a segment's metadata.
const (
	metaSchema  = "weir.schema"
	metaVersion = "weir.version"

	metaGeneration = "weir.generation" // of the tail, whose flows these are
	metaReplaces   = "weir.replaces"   // numbers of segments whose flows these are
)

// Columns of a segment that are none of flow.Fields.
const (
	marksColumn = "marks"
	extraColumn = "extra"
)

// A part says what a column of a file holds of a flow.
type part uint8

const (
	partNumber part = iota // unsigned
	partTime               // Unix milliseconds
	partText
	partHigh // the first eight octets of an address, as a number
	partLow  // the last eight
	partMarks
	partExtra
)

// A leaf is a column of a segment.
type leaf struct {
	name  string
	part  part
	field flow.Field // unless part is partMarks or partExtra
	bits  int        // of partNumber
	whole bool       // every row has it
}

// leaves returns the columns of a segment whose rows have some of columns, and all
// have whole.
func leaves(columns, whole flow.Set, marks, extra bool) []leaf {
	var out []leaf
	for x, ok := columns.Next(0); ok && int(x) < flow.NumFields; x, ok = columns.Next(x + 1) {
		info := &flow.Fields[x]
		l := leaf{name: info.Flat, field: x, whole: whole.Has(x)}
		switch info.Kind {
		case flow.KindAddr:
			high, low := l, l
			high.name, high.part = info.Flat+"_hi", partHigh
			low.name, low.part = info.Flat+"_lo", partLow
			out = append(out, high, low)
			continue
		case flow.KindTime:
			l.part = partTime
		case flow.KindStr:
			l.part = partText
		default:
			l.part, l.bits = partNumber, 8*int(info.Size)
		}
		out = append(out, l)
	}
	if marks {
		out = append(out, leaf{name: marksColumn, part: partMarks, bits: 8, whole: true})
	}
	if extra {
		out = append(out, leaf{name: extraColumn, part: partExtra})
	}
	return out
}

// leafOf finds what the column of a file is by its name; false for one that this
// weir doesn't know.
func leafOf(name string) (leaf, bool) {
	l, ok := byName[name]
	return l, ok
}

var byName = func() map[string]leaf {
	var all flow.Set
	for x := range flow.NumFields {
		all.Add(flow.Field(x))
	}
	m := map[string]leaf{}
	for _, l := range leaves(all, flow.Set{}, true, true) {
		m[l.name] = l
	}
	return m
}()

// bloomed tells whether a column gets a Bloom filter: what a needle is sought by.
func (l *leaf) bloomed() bool {
	return l.part == partLow && (l.field == flow.FieldSrcAddr || l.field == flow.FieldDstAddr)
}

// wide tells whether its numbers have 64 bits in the file, rather than 32.
func (l *leaf) wide() bool {
	return l.part == partTime || l.part == partHigh || l.part == partLow || l.part == partNumber && l.bits == 64
}

// readable tells whether this weir knows files of that schema version.
func readable(version string) bool {
	n, err := strconv.Atoi(version)
	return err == nil && n >= 1 && n <= SchemaVersion
}
