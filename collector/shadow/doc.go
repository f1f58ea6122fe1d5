// Package shadow reports on a collector that stands in front of another one,
// and passes all on to it: what the exporters send, what was lost on the way,
// and what of the traffic only a collector gets that does more than to decode
// what comes. It says nothing of the other collector: nobody asked that.
package shadow
