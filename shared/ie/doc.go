// Package ie knows the information elements of IPFIX, which are those of
// NetFlow v9 as well: what number 152 is called, how its bytes are read, and in
// which unit they count.
//
// An element is named by two numbers: the enterprise that defined it (PEN; 0 is
// IANA) and its id there. [Lookup] goes from the numbers to the [Element],
// [ByName] back, [AppendName] writes the name of any element, known or not.
// The elements that RFC 5103 derives for the reverse direction (enterprise
// 29305) need no registry: they are IANA's with "reverse" before the name.
//
// [AppendJSON] writes a value as it came from the wire, in the text form of RFC
// 7373, as JSON. It takes any bytes under any type: an exporter may send fewer
// octets than the type has (RFC 7011 §6.2), or nonsense. [ReadList] takes
// structured data (RFC 6313) apart.
//
// The facts come from registry/, a CSV file for each enterprise, named
// <pen>-<name>.csv; its README says which public list each was made from:
//
//	id,name,type,semantics,units
//	1,octetDeltaCount,unsigned64,deltaCounter,octets
//
// NetFlow v9 has no enterprises. Vendors use numbers above 32767 there, such as
// Cisco's 33002 and Palo Alto's 56701; they are found under PEN 0.
//
// To add elements, add lines or a file and run go generate: zelements.go holds
// them as constant tables, searched in place. Nothing is built at start-up. To
// add them at run time, [ReadCSV] reads a file of the same form and [Extend]
// puts its elements in front of the tables. Everything here may be used from
// any goroutine.
package ie

//go:generate go run ./gen -dir .
