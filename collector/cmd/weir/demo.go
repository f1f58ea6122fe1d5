package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"strings"
	"time"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/testdata"
)

// demoPause is the longest pause between two datagrams, and the one between two
// captures: slow enough to watch.
const demoPause = 700 * time.Millisecond

// runDemo replays the embedded captures to listeners, over and over,
// until ctx ends.
func runDemo(ctx context.Context, stderr io.Writer, listeners []*source.Listener) error {
	captures, err := demoCaptures()
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "weir: demo: replaying %d captures of NetFlow v1, v5, v7, v9, IPFIX and sFlow with their times moved to now, until interrupted\n", len(captures))
	to := demoTargets(listeners)
	for {
		for _, c := range captures {
			opts := source.ReplayOptions{Speed: 1, Pause: demoPause, Now: true}
			if _, err := source.Replay(ctx, to, opts, bytes.NewReader(c)); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(demoPause):
			}
		}
	}
}

// demoCaptures returns the embedded captures of exporters, ordered by their paths,
// but for nfreplay's: its headers are an hour or a day apart from its flows, and
// these would not move to now.
func demoCaptures() (all [][]byte, err error) {
	err = fs.WalkDir(testdata.FS, "pcap", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".pcap") || d.Name() == "nfreplay.pcap" {
			return err
		}
		b, err := fs.ReadFile(testdata.FS, path)
		all = append(all, b)
		return err
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no captures were built in")
	}
	return all, err
}

// demoTargets sends NetFlow to the first listener over UDP that takes it, IPFIX to
// the second and sFlow to the third, or the last that there is, on this machine;
// what none takes, nowhere.
func demoTargets(listeners []*source.Listener) func(version uint16) netip.AddrPort {
	return func(version uint16) netip.AddrPort {
		var addrs []netip.AddrPort
		for _, l := range listeners {
			if l.Listen().Scheme() == "udp" && l.Listen().Protocol.Has(version) {
				addrs = append(addrs, l.Addr())
			}
		}
		if len(addrs) == 0 {
			return netip.AddrPort{}
		}
		n := 0
		switch version {
		case 10:
			n = 1
		case 0: // the upper half of sFlow's
			n = 2
		}
		a := addrs[min(n, len(addrs)-1)]
		if a.Addr().IsUnspecified() { // takes IPv4 too
			a = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port())
		}
		return a
	}
}
