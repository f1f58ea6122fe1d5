// Package detectpb is detect.proto in Go: what passes between weir and a
// detector's process. Authors of detectors in Go use package detect instead.
package detectpb

//go:generate go run ./gen
