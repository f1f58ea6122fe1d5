package pcap_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/netip"
	"time"

	"github.com/weirflow/weir/shared/pcap"
)

func Example() {
	// A capture with one datagram; os.Open gives one just as well.
	var file bytes.Buffer
	w, err := pcap.NewWriter(&file)
	if err != nil {
		log.Fatal(err)
	}
	src := netip.MustParseAddrPort("192.0.2.1:50000")
	dst := netip.MustParseAddrPort("198.51.100.1:2055")
	at := time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC)
	if err := w.WriteUDP(at.UnixNano(), src, dst, []byte("\x00\x09…")); err != nil {
		log.Fatal(err)
	}

	r, err := pcap.NewReader(&file)
	if err != nil {
		log.Fatal(err)
	}
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(p.Index, time.Unix(0, p.Time).UTC().Format(time.TimeOnly), p.Src, p.Dst, len(p.Payload))
	}
	fmt.Printf("%+v\n", r.Skipped())
	// Output:
	// 1 01:02:03 192.0.2.1:50000 198.51.100.1:2055 5
	// {Other:0 Fragments:0 Truncated:0 Malformed:0 Gaps:0}
}
