// Package duck writes a filter and a [query.Request] as SQL for DuckDB. It runs
// nothing: collector/store does.
//
// The text of a statement holds names from the table of columns, our own
// constants and parameters ($1, $2, …), never a value that somebody has typed.
//
// A column that a record lacks is NULL, and SQL's logic is Kleene's, so that a
// filter says in SQL what it says in Go. An address is two columns, and times
// are Unix milliseconds; see [Column].
package duck
