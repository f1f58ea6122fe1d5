// Package store keeps flows on disk and answers questions about them, with
// nothing else installed: Parquet files, read by DuckDB.
package store
