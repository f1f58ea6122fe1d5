// Package testdata holds captures of what real exporters sent, and the records
// that they contain as another decoder reads them.
//
// FS has pcap/v1, pcap/v5, pcap/v9 and pcap/ipfix: X.pcap with the datagrams,
// X.jsonl with one line per flow record; and same/same.pcap with same/same.jsonl,
// v5, v9 and IPFIX in one capture, which the tests of every host read. README.md
// tells how they came about and what the keys mean.
package testdata

import "embed"

//go:embed pcap same
var FS embed.FS
