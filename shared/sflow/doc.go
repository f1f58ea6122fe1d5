// Package sflow knows the structures of sFlow version 5: what the records of its
// samples are called, and what is in them. Decoders keep most records as they
// came; this is how their octets are read when somebody looks at them.
package sflow
