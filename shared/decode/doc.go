// Package decode turns the datagrams of flow exporters into flow records.
//
// It reads NetFlow v1, v5, v6, v7, v8, v9 (RFC 3954), IPFIX (RFC 7011) and
// sFlow version 5. A [Decoder] is the front door: give it a datagram and a batch,
// and it appends what the datagram holds. Templates, sampling rates and boot
// times that exporters announce live in a template.Store that decoders share.
//
// An sFlow sample is a flow of one packet: the columns come from its header and
// from what the switch, the router and BGP say of it, and a record that says more
// than that is kept whole, as an extra of sFlow's enterprise (see package sflow).
// Counter samples go to flow.Batch.Counters.
//
// On this path nothing is allocated once the batch has grown, nothing panics
// on any input, and every error is a [Fault]: a number that is an error, an
// index into the decoder's counters and a metric's label in one.
package decode
