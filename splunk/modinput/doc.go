// Package modinput is weir as a modular input of Splunk: it answers --scheme
// and --validate-arguments, reads the stanza that splunkd hands over on stdin,
// and writes flows to stdout as events, in the XML that splunkd reads.
//
// An event is one line. In the format psv it holds the values of the columns in
// the order of [Columns], with '|' between, nothing where a record has no value,
// and none behind the last that has one; transforms.conf gives Splunk the same
// order. In the formats kv and json it holds the columns that have a value, by
// name. All use the names of Splunk's Common Information Model. What the event's
// time, host and duration say already is not said again ([Layout]).
//
// What an exporter sends as text can't break out of its column, its event or
// the stream: in psv and kv, '|', '%', ';', in kv '"', control characters and the
// first star of "***" are written as % and two hexadecimal digits for each octet,
// which props.conf takes back; in json, such characters have JSON's
// escapes. What isn't UTF-8 becomes U+FFFD.
//
// The two flows of a conversation become one event, with the volume of both
// directions ([Stitcher]).
//
// Splunk may read slowly or not at all; the sockets don't wait for it. Events
// then collect in a buffer of so many octets, which drops the oldest. That is in
// the ledger of each exporter, which comes as events once a minute, and a WARN
// line on stderr says so.
//
// What exporters announce is kept in splunkd's checkpoint directory, in a folder
// for each stanza. Stanzas that share a port read one another's.
package modinput
