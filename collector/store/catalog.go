package store

import (
	"github.com/weirflow/weir/shared/flow"
)

// A Segment is a Parquet file of flows in the order of their arrival. It never
// changes; a new one takes its place.
type Segment struct {
	File   string `json:"file"` // below the store's folder
	Rows   int    `json:"rows"`
	Octets int64  `json:"octets"`
	Sum    uint32 `json:"sum"` // CRC-32C of the file

	// The earliest and the latest of its rows, Unix milliseconds. A time that a
	// row lacks is as query.Request has it.
	Start    Range `json:"start"`
	End      Range `json:"end"`
	Received Range `json:"received"`

	Columns flow.Set `json:"-"` // that a row has
	Whole   flow.Set `json:"-"` // that all rows have
	Marks   bool     `json:"marks,omitempty"`
	Extra   bool     `json:"extra,omitempty"` // a row has elements without a column

	// The largest of its rows: they tell which sums are exact in a DOUBLE.
	MaxBytes   uint64 `json:"max_bytes"`
	MaxPackets uint64 `json:"max_packets"`
	MaxRate    uint32 `json:"max_rate"`
	MinRate    uint32 `json:"min_rate,omitempty"` // the least above 1; 0: there is none, or, where MaxRate is above 1, it is not known

	// Not less than the sums of all its rows, scaled; 0: not known.
	SumBytes   float64 `json:"sum_bytes"`
	SumPackets float64 `json:"sum_packets"`
}

// A Range is from the first to the last, both within.
type Range [2]int64

// A RollupFile is a Parquet file of sums over the flows of some segments.
type RollupFile struct {
	Name     string   `json:"name"` // of the rollup
	File     string   `json:"file"`
	Rows     int      `json:"rows"`
	Octets   int64    `json:"octets"`
	Sum      uint32   `json:"sum"`      // CRC-32C of the file
	Bin      int64    `json:"bin"`      // length of a bin, milliseconds: how long the file is kept goes by it
	Bins     Range    `json:"bins"`     // the first and the last bin's start, Unix milliseconds
	Segments []string `json:"segments"` // whose flows it sums, each whole
	Floor    uint64   `json:"floor"`    // of one that keeps only the largest: no key that it left out had more scaled octets in a bin
	MaxSum   float64  `json:"max_sum"`  // not less than the sum of all its scaled octets: below 2^53 a DOUBLE is exact

	// Of the flows, as a Segment has them; MaxRate is 1 at least, and 0 if they are
	// not known.
	MinRate uint32 `json:"min_rate,omitempty"`
	MaxRate uint32 `json:"max_rate,omitempty"`
}
