// Package testdata holds captures of what real exporters sent, and the records
// that they contain as another decoder reads them.
//
// FS has pcap/v1, v5, v7, v9, ipfix and sflow: X.pcap with the datagrams, X.jsonl
// with one line per flow record; same/same.pcap with same/same.jsonl, v5, v9 and
// IPFIX in one capture, which the tests of every host read; and counts.json, what
// each capture leaves in a decoder's counters. README.md tells how they came
// about and what the keys mean.
package testdata

import "embed"

//go:embed pcap same counts.json
var FS embed.FS
