package ie_test

import (
	"fmt"

	"github.com/weirflow/weir/shared/ie"
)

func Example() {
	e, _ := ie.Lookup(0, 152)
	fmt.Println(e.Name, e.Type, e.Units)

	e, _ = ie.ByName("reverseOctetDeltaCount")
	fmt.Println(e.PEN, e.ID, e.Type, e.Semantics)

	fmt.Printf("%s\n", ie.AppendName(nil, 9, 12345))

	// A counter of 64 bits that the exporter sent in three octets.
	fmt.Printf("%s\n", ie.AppendJSON(nil, e.Type, []byte{0x01, 0x00, 0x00}))
	// Output:
	// flowStartMilliseconds dateTimeMilliseconds milliseconds
	// 29305 1 unsigned64 deltaCounter
	// 9_12345
	// 65536
}
