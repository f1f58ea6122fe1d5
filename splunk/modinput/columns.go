package modinput

import (
	"slices"

	"github.com/weirflow/weir/shared/flow"
)

//go:generate go run ./gen -dir ..

// Columns that are not one of a flow's.
const (
	extras    = flow.Field(flow.NumFields + iota) // elements that have no column of their own
	bytesIn                                       // of the answering flow
	packetsIn                                     // of the answering flow
	l2BytesIn                                     // of the answering flow
	duration                                      // from start to end
)

var own = map[flow.Field]string{
	extras: "extras", bytesIn: "bytes_in", packetsIn: "packets_in", l2BytesIn: "l2_bytes_in", duration: "duration",
}

var columns = func() []string {
	names := make([]string, len(order))
	for i, x := range order {
		names[i] = columnName(x)
	}
	return names
}()

func columnName(x flow.Field) string {
	if name, ok := own[x]; ok {
		return name
	}
	return flow.Fields[x].CIM
}

// Columns returns the names of an event's columns, in their order: what
// transforms.conf has under FIELDS. Releases append to it; nothing moves.
func Columns() []string { return slices.Clone(columns) }
