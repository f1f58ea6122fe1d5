package template

import "github.com/weirflow/weir/shared/flow"

// Cisco ASA's NetFlow Secure Event Logging tells of a connection when it is
// created, denied, updated and torn down. Only the last two carry volume
// (SEMANTICS of firewallEvent, IE 233 and 40005), so that a connection is never
// counted three times.

// nsel tells whether t is of NSEL: it has elements that only NSEL has.
func (t *Template) nsel() bool {
	if t.Version != 9 {
		return false
	}
	for _, f := range t.Fields {
		switch f.ID {
		case 33000, 33001, 33002, 40000, 40001, 40002, 40003, 40004, 40005: // ACLs, the extended event, user, translations, event
			return true
		}
	}
	return false
}

// Values of firewallEvent.
const (
	eventCreated = 1
	eventDeleted = 2
	eventDenied  = 3
)

var volumeSet = flow.SetOf(flow.FieldBytes, flow.FieldPackets)

// events makes what created or denied a connection a flow of no volume.
func events(fl []flow.Flow) {
	for i := range fl {
		if f := &fl[i]; f.FwEvent == eventCreated || f.FwEvent == eventDenied {
			f.Bytes, f.Packets = 0, 0
			f.Set.AddAll(&volumeSet)
		}
	}
}
