// Package explain says what each octet of a flow exporter's datagram means: field
// by field, with the element's name, the value in words, the section of the RFC
// that defines it, and what is wrong with it.
//
// An [Explainer] goes through datagrams of NetFlow v1, v5 to v9, IPFIX and sFlow
// v5 as a decode.Decoder does, and keeps the templates that exporters announce.
// What it returns is an [Explanation]: a tree of [Node]s whose leaves cover all
// octets, each once and in order. A [Fault] stands where the decoder would count
// one, with a sentence that says why. What is odd and harms no decoder is a note:
// a sequence number that jumps, a count that doesn't fit, a template field whose
// type can't have its length.
//
// [Explanation.AppendText] writes the tree for people, as annotated hexadecimal
// lines; encoding/json writes it for programs.
//
// It is made for looking at one datagram, not for speed: it allocates, in
// proportion to the octets of the datagram. What exporters send is safe to
// explain and to print, whatever it is.
package explain
