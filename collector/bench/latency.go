//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"net"
	"slices"
	"time"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flowtest"
)

// latency measures how long a datagram takes from its sender to the decoder,
// where they come at 1,000 a second, so that the reader sleeps between them.
func (b *bench) latency() error {
	l, err := source.ParseListen("127.0.0.1:0?workers=1")
	if err != nil {
		return err
	}
	x, err := source.Open(l, source.Default())
	if err != nil {
		return err
	}
	defer x.Close()
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(x.Addr()))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var waits []time.Duration
	done := make(chan struct{})
	start := time.Now()
	want := 500 * b.seconds
	go func() {
		defer close(done)
		dst := make([]decode.Datagram, 64)
		for len(waits) < want && ctx.Err() == nil {
			n, err := x.Sources()[0].Read(ctx, dst)
			if err != nil {
				return
			}
			now := time.Since(start)
			for i := range dst[:n] {
				waits = append(waits, now-time.Duration(binary.BigEndian.Uint64(dst[i].Data)))
			}
		}
	}()
	for range want {
		var d [64]byte
		binary.BigEndian.PutUint64(d[:], uint64(time.Since(start)))
		if _, err := conn.Write(d[:]); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		cancel()
		<-done
	}
	slices.Sort(waits)
	ms := waits[len(waits)*99/100].Seconds() * 1000
	flowtest.Figure("collector/from the sender to the decoder, 99 of 100", ms, "ms", "<=10", ms <= 10)
	return nil
}
