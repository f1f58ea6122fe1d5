// Package spl reads an add-on as Splunk's search heads do, as far as this
// repository's add-on goes: fields by DELIMS and FIELDS or KV_MODE, calculated
// fields (EVAL), automatic lookups, event types and tags; and searches, to say
// which fields they want. It stands in for Splunk in tests, and knows what the
// add-on uses and nothing else: what it doesn't know is an error.
package spl
