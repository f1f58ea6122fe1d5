package ie_test

import (
	"fmt"
	"strings"

	"github.com/weirflow/weir/shared/ie"
)

func Example() {
	e, _ := ie.Lookup(0, 152)
	fmt.Println(e.Name, e.Type, e.Units)

	e, _ = ie.ByName("reverseOctetDeltaCount")
	fmt.Println(e.PEN, e.ID, e.Type, e.Semantics)

	fmt.Printf("%s\n", ie.AppendName(nil, 9, 12235))

	// A counter of 64 bits that the exporter sent in three octets.
	fmt.Printf("%s\n", ie.AppendJSON(nil, e.Type, []byte{0x01, 0x00, 0x00}))
	// Output:
	// flowStartMilliseconds dateTimeMilliseconds milliseconds
	// 29305 1 unsigned64 deltaCounter
	// appHTTPHost
	// 65536
}

func ExampleExtend() {
	const mine = `# what our exporters send
id,name,type,semantics,units
1,acmeTenant,string,,
2,acmeDrops,unsigned32,totalCounter,packets
`
	elements, err := ie.ReadCSV(strings.NewReader(mine), 64999)
	if err == nil {
		err = ie.Extend(elements)
	}
	defer ie.Extend(nil)
	e, _ := ie.Lookup(64999, 2)
	fmt.Println(e.Name, e.Units, err)
	// Output: acmeDrops packets <nil>
}
