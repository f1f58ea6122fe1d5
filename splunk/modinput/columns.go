package modinput

import (
	"slices"

	"github.com/weirflow/weir/shared/flow"
)

//go:generate go run ./gen -dir ..

// extras stands for the column of elements that have no column of their own.
const extras = flow.Field(flow.NumFields)

var columns = func() []string {
	names := make([]string, len(order))
	for i, x := range order {
		names[i] = columnName(x)
	}
	return names
}()

func columnName(x flow.Field) string {
	if x == extras {
		return "extras"
	}
	return flow.Fields[x].CIM
}

// Columns returns the names of an event's columns, in their order: what
// transforms.conf has under FIELDS. Releases append to it; nothing moves.
func Columns() []string { return slices.Clone(columns) }
