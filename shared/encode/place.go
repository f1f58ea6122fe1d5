package encode

import "github.com/weirflow/weir/shared/flow"

// A place is where a column's value stands in a record made ready beforehand.
type place struct {
	field flow.Field
	off   uint16
}
