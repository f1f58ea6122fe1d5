//go:build !cgo

package store

// Built tells whether this program can answer: DuckDB takes cgo.
const Built = false
