//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/weirflow/weir/shared/flowtest"
)

// live measures how long a flow takes from its datagram to a panel that watches.
func (b *bench) live(s *source, name string, address func() (netip.AddrPort, error)) error {
	to, err := address()
	if err != nil {
		return err
	}
	s.to = time.Now()
	s.from = s.to.Add(-5 * time.Minute)
	frames, _, err := s.ask(`{"show":"flows","live":true,"limit":1,"where":"src port 7"}`)
	if err != nil {
		return err
	}
	path, ok := strings.CutPrefix(frames[0].Meta.Channel, "ds/"+s.context.DataSourceInstanceSettings.UID+"/")
	if !ok {
		return fmt.Errorf("channel is %q", frames[0].Meta.Channel)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := s.Run(ctx, &backend.RunStreamRequest{PluginContext: s.context, Path: path})
	if err != nil {
		return err
	}
	rows := make(chan time.Time, 1)
	failed := make(chan error, 1)
	go func() {
		for {
			f, err := stream.Next()
			if err != nil {
				failed <- err
				return
			}
			for range f.Rows() {
				rows <- time.Now()
			}
		}
	}()
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return err
	}
	defer c.Close()
	d := flowtest.New(1).V5(1)
	d[24+32], d[24+33] = 0, 7 // source port
	var all []time.Duration
	for n := -1; n < 10*b.rounds; n++ {
		time.Sleep(time.Duration(100+n*37%300) * time.Millisecond)
		began := time.Now()
		if _, err := c.Write(d); err != nil {
			return err
		}
		select {
		case at := <-rows:
			if n >= 0 {
				all = append(all, at.Sub(began))
			}
		case err := <-failed:
			return err
		case <-time.After(10 * time.Second):
			if n >= 0 {
				return errors.New("a flow is not shown within 10 s")
			}
		}
	}
	b.print(name+": from a datagram to the panel, half of them", at(0.5, all).Seconds(), "s", 0)
	b.print(name+": from a datagram to the panel, the slowest of "+fmt.Sprint(len(all)), at(1, all).Seconds(), "s", 1)
	return nil
}
