package main

import (
	"bytes"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/testdata"
)

// Without a collector the dashboards show what the plugin has heard itself: all but
// what only collectors have.
func TestDirect(t *testing.T) {
	v := view(t, map[string]any{"mode": "direct", "listen": "udp://127.0.0.1:0", "window_mb": 8}, "")
	h, message := v.health()
	if len(h.Listening) != 1 {
		t.Fatal(message)
	}
	to := netip.MustParseAddrPort(h.Listening[0])
	began, sent := time.Now(), 0
	for _, name := range []string{"v5/pmacctd.pcap", "v9/pmacctd.pcap", "ipfix/pmacctd.pcap", "ipfix/softflowd.pcap", "ipfix/pmacctd-sampled.pcap"} {
		capture, err := fs.ReadFile(testdata.FS, "pcap/"+name)
		if err != nil {
			t.Fatal(err)
		}
		n, err := source.Replay(t.Context(), func(uint16) netip.AddrPort { return to }, source.ReplayOptions{Now: true}, bytes.NewReader(capture))
		if err != nil {
			t.Fatal(err)
		}
		sent += n
	}
	for flows := -1; h.Datagrams < sent || h.Flows == 0 || h.Flows != flows; {
		time.Sleep(100 * time.Millisecond)
		flows = h.Flows
		if h, message = v.health(); time.Since(began) > time.Minute {
			t.Fatal(message)
		}
	}
	t.Logf("%d datagrams; %s", sent, message)
	v.from, v.to = time.Now().Add(-time.Hour), time.Now().Add(time.Minute)
	for _, p := range pages(t) {
		v.open(&p, nil, collectors)
	}
}

// collectors tells whether only a collector has what a panel shows.
func collectors(x shown) bool {
	for _, target := range x.Targets {
		for _, what := range []string{`"findings"`, `"geo"`} {
			if strings.Contains(string(target), what) {
				return true
			}
		}
	}
	return false
}
