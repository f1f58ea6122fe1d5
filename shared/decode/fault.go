package decode

// A Fault says what was wrong with a datagram or a part of it. It is an error
// that costs nothing to make: compare it with errors.Is or ==.
type Fault uint8

const (
	none            Fault = iota
	ErrShort              // a header, a set or a record is cut short
	ErrVersion            // the version, or v8's aggregation scheme, is none that this decoder reads
	ErrCount              // the header's count of records doesn't fit the datagram (v1 to v8, sFlow)
	ErrSetLength          // a set's length is below 4 or beyond the datagram's end
	ErrNoTemplate         // a data set came before its template
	ErrTemplate           // a template was refused
	ErrWithdrawal         // a template withdrawal over UDP or DTLS, where RFC 7011 §8.4 forbids it; ignored
	ErrExporters          // there are more exporters than the limit allows
	ErrFull               // the batch holds as much as it can: reset it
	ErrRecord             // an sFlow record is not what its format says; it is kept as it came
	ErrList               // structured data is not what RFC 6313 says; it is kept as it came
	ErrListTemplate       // structured data names a template that is not known; its records are kept as they came
	NumFaults
)

var faults = [NumFaults]struct{ label, text string }{
	none:          {"none", "no fault"},
	ErrShort:      {"short", "header, set or record is cut short"},
	ErrVersion:    {"version", "version, or NetFlow v8's aggregation, is none that weir reads"},
	ErrCount:      {"count", "header's count of records doesn't fit the datagram"},
	ErrSetLength:  {"set_length", "set's length is below 4 or beyond the datagram's end"},
	ErrNoTemplate: {"no_template", "data set came before its template"},
	ErrTemplate:   {"template", "template was refused"},
	ErrWithdrawal: {"withdrawal", "template withdrawal over UDP or DTLS was ignored"},
	ErrExporters:  {"exporters", "more exporters than the limit allows"},
	ErrFull:       {"full", "batch holds as much as it can"},
	ErrRecord:     {"record", "sFlow record is not what its format says"},

	ErrList:         {"list", "structured data is not what RFC 6313 says"},
	ErrListTemplate: {"list_template", "structured data names a template that is not known"},
}

// Error returns a sentence.
func (f Fault) Error() string {
	if f >= NumFaults {
		return "unknown fault"
	}
	return faults[f].text
}

// Label returns a word for a metric.
func (f Fault) Label() string {
	if f >= NumFaults {
		return "unknown"
	}
	return faults[f].label
}
