package decode

import (
	"fmt"

	"github.com/weirflow/weir/shared/flow"
)

// A Place is where in a datagram something is.
type Place struct {
	Octet  int    // from the export protocol's header on, which begins at 0
	Set    uint16 // the id of the set, of v9 and IPFIX; 0: not in one
	Record int    // in the set, or the number of the sample in an sFlow datagram; from 1; 0: none
}

// String returns the place in words: "octet 36, set 256, record 2".
func (p Place) String() string {
	s := fmt.Sprintf("octet %d", p.Octet)
	switch {
	case p.Set != 0 && p.Record != 0:
		return fmt.Sprintf("%s, set %d, record %d", s, p.Set, p.Record)
	case p.Set != 0:
		return fmt.Sprintf("%s, set %d", s, p.Set)
	case p.Record != 0:
		return fmt.Sprintf("%s, sample %d", s, p.Record)
	}
	return s
}

// Place returns where the fault lies that Decode has returned: what is cut short
// begins there, or is missing there.
func (d *Decoder) Place() Place { return d.place }

// records counts the records that made flows: one that made two counts once.
func records(flows []flow.Flow) (n int) {
	for i := range flows {
		if flows[i].Marks&flow.Reverse == 0 {
			n++
		}
	}
	return n
}

// failAt is fail for a fault in the header or behind all of the datagram.
func (d *Decoder) failAt(f Fault, octet int) {
	d.at = Place{Octet: octet}
	d.fail(f)
}

// failIn is fail for a fault in the set that is being decoded: octet counts from
// its content on, record from 1, 0 for none. A set that waited for its template
// was part of another datagram, so the place remains the template's.
func (d *Decoder) failIn(f Fault, octet, record int) {
	at := d.at
	if !d.late {
		d.at.Octet += setHeader + octet
		d.at.Record = record
	}
	d.fail(f)
	d.at = at
}
