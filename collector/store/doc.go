// Package store keeps flows on disk and answers questions about them, with
// nothing else installed: Parquet files, read by DuckDB.
//
// # The folder
//
//	lock                                    of the process that has it
//	manifest                                what the store consists of, line by line
//	journal/000000000007.wal                flows that are in no segment yet
//	segments/2026-11-26/18/000000000042.parquet
//	rollups/NAME/2026-11-26/18/000000000043.parquet
//	tmp                                     what queries need
//
// Flows come into the tail, in memory, where queries see them at once, and within
// 200 ms into the journal: they are acknowledged then, and survive the end of the
// process (with sync, the loss of power). The tail is cut into generations of
// a segment's size or age. Each has its file in the journal, becomes a segment,
// and gets into the manifest in one line, which says that the journal's file is not
// needed any more: so each flow is there once, whenever the process ends. What the
// manifest doesn't name is removed at the start. A file that is not as it was
// written is set aside, with .bad behind its name, and the others answer.
//
// # Segments
//
// A segment is a Parquet file of flows in the order of their arrival, in one row
// group. Any Parquet reader can use it. Its columns, schema version 1, are those
// of flow.Fields under their flat names:
//
//   - A number has the unsigned type of its width (UINT_8 to UINT_64), a MAC
//     address and an application id UINT_64.
//   - A time is an INT64: Unix milliseconds, rounded down. Flows lose the rest of
//     their times when they come into the store.
//   - An address is two columns of UINT_64: in NAME_hi its first eight octets, in
//     NAME_lo the last eight, as big-endian numbers. An IPv4 address is in its
//     mapped form (::ffff:192.0.2.1): its hi is 0, and its lo 0xffff times 2^32
//     and the address. So both halves have statistics, and the lower ones of the
//     source and the destination have Bloom filters.
//   - A text is a UTF-8 STRING. What an exporter sent that is not UTF-8 is U+FFFD.
//   - marks, UINT_8, is what was done to the record (flow.Mark); extra, BYTE_ARRAY,
//     the elements that have no column, each of ten octets (enterprise number,
//     element id, how many of that name come before it, length; 4, 2, 2 and 2
//     octets, big-endian) and its own.
//
// A column that no flow of the segment has is not in the file. In the others NULL
// says that a flow lacks it, which is not zero; a column that all have is required.
// The metadata tells the version of the schema (weir.schema) and who wrote the file
// (weir.version). A weir reads the files of all earlier versions of the schema: a
// column that is added later is one that their flows lack.
package store
