package modinput

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/weirflow/weir/plugins/detect"
)

// alert is what CIM's data model Intrusion Detection wants to know of a finding
// beside its own members, which follow.
type alert struct {
	Signature   string `json:"signature"`          // its class: scan.horizontal
	SignatureID string `json:"signature_id"`       // the detector
	Category    string `json:"category"`           // the class up to the first dot
	IDSType     string `json:"ids_type"`           //
	Action      string `json:"action"`             // who measures blocks nothing
	Src         any    `json:"src,omitempty"`      // a text, or a list of them
	Dest        any    `json:"dest,omitempty"`     //
	SrcPort     any    `json:"src_port,omitempty"` // likewise numbers
	DestPort    any    `json:"dest_port,omitempty"`
	Transport   any    `json:"transport,omitempty"`
	Dvc         any    `json:"dvc,omitempty"` // exporters of the evidence
}

var transports = map[uint8]string{1: "icmp", 6: "tcp", 17: "udp", 58: "icmp"}

// finding appends f as an event at the end of its window.
func (r *recorder) finding(dst []byte, f *detect.Finding) []byte {
	category, _, _ := strings.Cut(f.Class, ".")
	a := alert{
		Signature: f.Class, SignatureID: f.Detector, Category: category, IDSType: "network", Action: "allowed"}
	var src, dest, ports, protocols, dvc, srcPorts, destPorts []string
	for _, e := range f.Entities {
		switch {
		case e.Kind == "ip" && e.Role == "source":
			src = add(src, e.Value)
		case e.Kind == "ip" && e.Role == "target":
			dest = add(dest, e.Value)
		case e.Kind == "port":
			ports = add(ports, e.Value)
		case e.Kind == "protocol":
			protocols = add(protocols, strings.ToLower(e.Value))
		}
	}
	var host netip.Addr
	for i := range f.Evidence {
		k := &f.Evidence[i]
		exporter := k.Exporter.Netip()
		if !exporter.IsUnspecified() {
			dvc, host = add(dvc, exporter.String()), exporter
		}
		if name := transports[k.Proto]; name != "" {
			protocols = add(protocols, name)
		} else {
			protocols = add(protocols, strconv.Itoa(int(k.Proto)))
		}
		if k.Proto == 6 || k.Proto == 17 {
			srcPorts = add(srcPorts, strconv.Itoa(int(k.SrcPort)))
			destPorts = add(destPorts, strconv.Itoa(int(k.DstPort)))
		}
	}
	// Who isn't named is whom the evidence shows.
	named, target := len(src) > 0, len(dest) > 0
	for i := range f.Evidence {
		if !named {
			src = add(src, f.Evidence[i].SrcAddr.String())
		}
		if !target {
			dest = add(dest, f.Evidence[i].DstAddr.String())
		}
	}
	if len(ports) > 0 {
		destPorts = ports
	}
	if len(dvc) > 1 {
		host = netip.Addr{}
	}
	a.Src, a.Dest, a.Dvc, a.Transport = oneOrList(src), oneOrList(dest), oneOrList(dvc), oneOrList(protocols)
	a.SrcPort, a.DestPort = numbers(srcPorts), numbers(destPorts)
	return r.json(dst, r.found, f.End, host, merge(marshal(a), marshal(f)))
}

// marshal panics if v is nothing that JSON has: a Finding was validated, and the
// rest is ours.
func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("modinput: bug: " + err.Error())
	}
	return text
}

// merge makes one object of two that have members, and CIM's word of the second's
// severity.
func merge(a, finding []byte) []byte {
	finding = bytes.Replace(finding, []byte(`"severity":"info",`), []byte(`"severity":"informational",`), 1)
	return append(append(a[:len(a)-1], ','), finding[1:]...)
}

// add adds v, once.
func add(all []string, v string) []string {
	if slices.Contains(all, v) {
		return all
	}
	return append(all, v)
}

// oneOrList is a value of JSON: nothing, a text, or a list.
func oneOrList(all []string) any {
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

// numbers is likewise of numbers.
func numbers(all []string) any {
	var list []json.Number
	for _, v := range all {
		if _, err := strconv.ParseUint(v, 10, 16); err == nil {
			list = append(list, json.Number(v))
		}
	}
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return list
}
