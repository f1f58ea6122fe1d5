package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

// isNfcapd tells whether a file begins as those of nfcapd do, in either order of
// octets.
func isNfcapd(head []byte) bool {
	return bytes.HasPrefix(head, []byte{0x0c, 0xa5}) || bytes.HasPrefix(head, []byte{0xa5, 0x0c})
}

// nfcapd reads a file of nfcapd, which nfdump turns into JSON.
func (x *importing) nfcapd(name string) error {
	cmd := exec.CommandContext(x.ctx, "nfdump", "-r", name, "-o", "json")
	cmd.Env = append(os.Environ(), "TZ=UTC") // it writes times of the local zone
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); errors.Is(err, exec.ErrNotFound) {
		return errors.New("nfdump, which reads such files, is not installed")
	} else if err != nil {
		return err
	}
	err = x.nfdump(out)
	if err != nil {
		_ = cmd.Process.Kill()
	}
	_, _ = io.Copy(io.Discard, out)
	if e := cmd.Wait(); err == nil && e != nil {
		err = fmt.Errorf("nfdump: %w: %.200s", e, bytes.TrimSpace(said.Bytes()))
	}
	return err
}

// nfdump reads what nfdump writes: an array of records, or, of a file without any,
// a sentence.
func (x *importing) nfdump(r io.Reader) error {
	d := json.NewDecoder(r)
	d.UseNumber()
	switch t, err := d.Token(); {
	case err == io.EOF:
		return nil
	case err != nil:
		return fmt.Errorf("nfdump doesn't write JSON: %w", err)
	case t != json.Delim('['):
		return errors.New("nfdump doesn't write an array")
	}
	for d.More() {
		var v map[string]any
		if err := d.Decode(&v); err != nil {
			return fmt.Errorf("nfdump doesn't write JSON: %w", err)
		}
		f, ok, err := fromNfdump(&x.b, v)
		if err != nil {
			return err
		}
		if ok {
			x.b.Flows = append(x.b.Flows, f)
		}
		if err := x.flush(false); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("nfdump's JSON is cut short: %w", err)
	}
	return x.flush(true)
}

// nfdumpNames are nfdump's names of columns whose values it writes as weir does.
var nfdumpNames = map[string]flow.Field{
	"in_packets": flow.FieldPackets, "in_bytes": flow.FieldBytes, "proto": flow.FieldProto,
	"src_port": flow.FieldSrcPort, "dst_port": flow.FieldDstPort, "src_tos": flow.FieldTOS,
	"src4_addr": flow.FieldSrcAddr, "src6_addr": flow.FieldSrcAddr, "dst4_addr": flow.FieldDstAddr, "dst6_addr": flow.FieldDstAddr,
	"input_snmp": flow.FieldInIf, "output_snmp": flow.FieldOutIf, "src_as": flow.FieldSrcAS, "dst_as": flow.FieldDstAS,
	"src_mask": flow.FieldSrcMask, "dst_mask": flow.FieldDstMask, "direction": flow.FieldDirection, "fwd_status": flow.FieldFwdStatus,
	"ip4_next_hop": flow.FieldNextHop, "ip6_next_hop": flow.FieldNextHop,
	"bgp4_next_hop": flow.FieldBGPNextHop, "bgp6_next_hop": flow.FieldBGPNextHop,
	"ip4_router": flow.FieldExporter, "ip6_router": flow.FieldExporter,
	"src_vlan": flow.FieldSrcVLAN, "dst_vlan": flow.FieldDstVLAN, "in_src_mac": flow.FieldSrcMAC, "in_dst_mac": flow.FieldDstMAC,
	"src4_xlt_ip": flow.FieldNATSrcAddr, "src6_xlt_ip": flow.FieldNATSrcAddr, "dst4_xlt_ip": flow.FieldNATDstAddr, "dst6_xlt_ip": flow.FieldNATDstAddr,
	"src_xlt_port": flow.FieldNATSrcPort, "dst_xlt_port": flow.FieldNATDstPort,
}

// fromNfdump makes a flow of a record; false if it is none of a flow. nfcapd has
// multiplied the counters of sampled flows already: they count as they are.
func fromNfdump(b *flow.Batch, v map[string]any) (f flow.Flow, ok bool, err error) {
	if kind, has := v["type"]; has && kind != "FLOW" {
		return f, false, nil
	}
	f.Set.Add(flow.FieldSamplingRate)
	f.SamplingRate = 1
	icmp := [2]uint64{}
	for name, value := range v {
		text := fmt.Sprint(value)
		switch name {
		case "first", "last", "received":
			t, err := time.Parse("2006-01-02T15:04:05.999999999", strings.TrimSuffix(text, "Z"))
			if err != nil {
				return f, false, err
			}
			x := map[string]flow.Field{"first": flow.FieldStart, "last": flow.FieldEnd, "received": flow.FieldReceived}[name]
			f.SetUint(x, uint64(t.UnixNano()))
			f.Set.Add(x)
		case "tcp_flags":
			if f.TCPFlags, err = flagsOf(text); err != nil {
				return f, false, err
			}
			f.Set.Add(flow.FieldTCPFlags)
		case "icmp_type", "icmp_code":
			n, err := strconv.ParseUint(text, 10, 8)
			if err != nil {
				return f, false, fmt.Errorf("%s: %w", name, err)
			}
			icmp[map[string]int{"icmp_type": 0, "icmp_code": 1}[name]] = n
			f.Set.Add(flow.FieldICMPType)
		default:
			x, known := nfdumpNames[name]
			if !known {
				continue
			}
			if err := encode.SetText(b, &f, x, text); err != nil {
				return f, false, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	f.ICMPType = uint16(icmp[0]<<8 | icmp[1])
	return f, true, nil
}

// flagsOf reads flags as nfdump writes them: "...AP.SF", the highest first.
func flagsOf(text string) (flags uint16, err error) {
	const names = "CEUAPRSF"
	if len(text) != len(names) {
		return 0, fmt.Errorf("tcp_flags: %q has not %d flags", text, len(names))
	}
	for i := range names {
		switch text[i] {
		case names[i]:
			flags |= 1 << (7 - i)
		case '.':
		default:
			return 0, fmt.Errorf("tcp_flags: %q has a flag %q that is none", text, text[i])
		}
	}
	return flags, nil
}
