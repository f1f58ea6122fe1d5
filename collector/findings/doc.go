// Package findings keeps what detectors have found: a line of JSON for each finding,
// in a file for each day (UTC) on which a window began. It is bounded by age and by
// size; what is oldest goes first.
//
// A finding's id is of detector, key and window, so all findings of the same id are in
// one file: one that is there already is not written again. A line is whole and on the
// disk before [Store.Add] returns; what a kill has torn is cut off at the next start,
// and counted.
package findings
