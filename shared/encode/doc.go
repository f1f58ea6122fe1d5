// Package encode writes flow records as bytes: JSON lines and msgpack under the
// names of a [Profile], and protobuf, whose message types are in flow.proto.
//
// An [Encoder] keeps a plan for each shape of records that it meets: the keys
// encoded beforehand, and for msgpack a record with room for all values of fixed
// width, which is copied and patched, column by column for many records at once.
// After the first record of a shape it allocates nothing but what the
// destination needs to grow.
//
// Values: addresses, MACs and (but for the profiles flat and otel) times are text; times
// are RFC 3339 in UTC with milliseconds, more digits only where the value has
// them; flat and otel write times as Unix nanoseconds. Numbers are numbers. Elements
// without a column follow under their IANA name, or as pen_id.
package encode
