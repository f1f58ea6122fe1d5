// Package flow holds the record that all of weir passes on: [Flow], a row of
// fixed columns, and [Batch], a run of rows with the strings and the odd
// elements that they refer to.
//
// The struct Flow is the one table of columns. Its tags say which information
// elements fill a column and what it is called in each naming profile; field
// numbers, names, decoding loops and encoding tables are generated from it (go
// generate), so that adding a column is one line.
//
// An absent column and one that is zero differ: Flow.Set has a bit for each
// column that holds a value. Elements without a column are kept as the exporter
// sent them, see [Batch.Extra]. Strings are interned per batch: [Str] is an
// index into [Batch.Strings].
//
// # What was measured
//
// CPU time a record on one core of a shared two-core machine (Zen 5, Go 1.26),
// variants interleaved, minimum of 25 rounds; 24 records a datagram, 20 fields.
//
//	Flow of 312 octets, v9                                     27 ns
//	  each row copied from the plan's prototype on its own     31 ns
//	  rows copied by doubling (Fill)                           29 ns
//	  and the message's times kept out of the loops            27 ns
//	v5 by hand: row by row copied / doubled / no bounds checks 12.6 / 11.4 / 10.4 ns
//	batches of 24, 64, 128, 256, 512, 1024 flows               within 3 % of each other
//	IPFIX, fixed fields only                                   28 ns
//	  with one element of 8 octets that has no column          +7 ns
//	  with one of variable length that has no column           +25 ns
//	  with one of variable length, interned                    +28 to 36 ns
//
// So a row of five cache lines stays: copying it is a quarter of the decoding,
// and a narrower one would be paid for with a second look-up wherever a cold
// column is used. The presence set costs one copy with the row. Interning
// costs about 10 ns a string over keeping it as an extra, and saves the hosts
// a comparison of texts wherever they group by one. The batch size is a matter
// of latency, not of speed.
package flow
