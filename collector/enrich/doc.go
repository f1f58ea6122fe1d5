// Package enrich fills the columns that no exporter sends, from what operators
// and exporters say: names of exporters, interfaces, VRFs, networks and
// applications, countries, AS numbers, and on which side of the home networks'
// edge a flow ran. It puts right what an exporter says wrongly (sampling rate,
// clock), and last of all hides addresses.
//
// A [Stage] does all of that in one pass over a batch. What is filled from what:
//
//	ExporterName, ExporterSite        exporters
//	InIfName, InIfDesc and Out…       interfaces, else the exporter's options
//	InIfSpeed, OutIfSpeed             interfaces, else sFlow's counters
//	InIfRole, OutIfRole               interfaces
//	InVRFName, OutVRFName             the exporter's options
//	SrcNet, SrcSite, SrcRole and Dst… networks, by the longest prefix; what it
//	                                  leaves empty the next longer one says
//	SrcCountry, DstCountry            maxmind
//	SrcAS, DstAS                      the record, else maxmind: absent and 0 are
//	                                  what exporters send that don't know
//	AppName                           the record; the exporter's options by AppID;
//	                                  with ports, the port's name, marked
//	                                  flow.AppGuessed: of the lower port first, as
//	                                  it is mostly the server's
//	Perimeter                         home
//	SamplingRate                      interfaces, exporters, else as it was
//	Start, End                        shifted by the exporter's clock_shift
//
// Tables are read again when their files change. A file that can't be read
// leaves the tables as they were.
package enrich
