// Package testdata holds captures of what real exporters sent, hand-made ones of
// what none sends, and the records that they contain: as another decoder reads
// them, or as they were put in.
//
// FS has pcap/v1, v5, v7, v9, ipfix and sflow: X.pcap with the datagrams, X.jsonl
// with one line per flow record; made/v6, v8, v9, ipfix and sflow, the same by
// hand; same/same.pcap with same/same.jsonl, v5, v9 and IPFIX in one capture,
// which the tests of every host read; and counts.json, what each capture leaves
// in a decoder's counters. README.md tells how they came about and what the keys
// mean.
package testdata

import "embed"

//go:embed pcap made same counts.json
var FS embed.FS
