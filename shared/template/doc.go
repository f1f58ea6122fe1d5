// Package template keeps what exporters announced and turns records of that
// shape into flows.
//
// A [Template] is the announcement: an id and a list of field specifiers, as in
// NetFlow v9 (RFC 3954 §5.2) and IPFIX (RFC 7011 §3.4). [Compile] makes a [Plan]
// of it once: a prototype row and a list of loops, each of which moves one
// column, or a pair of columns, for all records of a data set. [Plan.Append]
// runs it; it allocates nothing once the batch has grown.
//
// A [Session] is all that is known of one exporter: its templates by
// observation domain, its sampling rates, the time it booted, what it calls its
// interfaces and applications. Reading it takes no lock; a refresh that changes
// nothing writes nothing but the time. A [Store] holds the sessions; decoders
// share it.
//
// A session is a transport session, named by a [Key]. Over TCP, TLS and DTLS it
// is a connection, and goes with it; over UDP it is an address and a port, and
// its templates expire if they are not announced again ([Limits]).
package template
