package config

import (
	"fmt"
	"math"
	"time"

	"github.com/weirflow/weir/collector/source"
)

// Store is what an operator may set of the embedded store. It is declared here,
// and not in collector/store, so that the file can be read without cgo.
type Store struct {
	Off     bool          `yaml:"off"`     // keep no flows
	Dir     string        `yaml:"dir"`     // folder; "": store, in the data directory
	Keep    Keep          `yaml:"keep"`    // how long what is kept
	Sync    bool          `yaml:"sync"`    // what is acknowledged survives the loss of power, not only of the process: costs a write of the disk each 100 ms
	Rows    int           `yaml:"rows"`    // flows that make a segment, at least; memory holds up to five times as many
	Age     time.Duration `yaml:"age"`     // flows wait this long for others to make a segment with
	Journal source.Size   `yaml:"journal"` // octets that the journal may have; beyond them flows fail until segments can be written again
	Memory  source.Size   `yaml:"memory"`  // octets that queries may have; beyond them they use the disk
	Threads int           `yaml:"threads"` // that a query may use; 0: one for each CPU
	Timeout time.Duration `yaml:"timeout"` // a query may take this long
	Answer  int           `yaml:"answer"`  // rows that an answer may have
}

// Keep says how long flows and their sums are kept. What is older goes, and beyond
// a size what is oldest. 0 is no limit.
type Keep struct {
	Flows   time.Duration `yaml:"flows"`
	Minutes time.Duration `yaml:"1m"`   // sums of a minute
	Fives   time.Duration `yaml:"5m"`   // sums of five minutes
	Hours   time.Duration `yaml:"1h"`   // sums of an hour
	Size    source.Size   `yaml:"size"` // octets of flows
	Free    int           `yaml:"free"` // percent of the disk that stay free, whoever fills it: the oldest flows go first, those of the last hour never
	Sums    source.Size   `yaml:"sums"` // octets of all sums
}

const day = 24 * time.Hour

// DefaultStore keeps flows for 30 days, and their sums for up to two years.
func DefaultStore() Store {
	return Store{
		Keep: Keep{Flows: 30 * day, Minutes: 90 * day, Fives: 400 * day, Hours: 730 * day, Free: 5},
		Rows: 250_000, Age: time.Minute, Journal: 1 << 30, Memory: 1 << 30, Timeout: time.Minute, Answer: 1_000_000,
	}
}

// Validate says what is wrong with s, and what to write instead.
func (s Store) Validate() error {
	for _, k := range []struct {
		name string
		d    time.Duration
	}{{"flows", s.Keep.Flows}, {"1m", s.Keep.Minutes}, {"5m", s.Keep.Fives}, {"1h", s.Keep.Hours}} {
		if k.d < 0 || k.d > 0 && k.d < time.Hour {
			return fmt.Errorf("keep: %s is %s: write a duration of 1h or more, or 0s for no limit", k.name, k.d)
		}
	}
	switch {
	case s.Keep.Size < 0 || s.Keep.Size > 0 && s.Keep.Size < 64<<20:
		return fmt.Errorf("keep: size is %d: write a size of 64MiB or more, as 50GiB, or 0 for no limit", s.Keep.Size)
	case s.Keep.Free < 0 || s.Keep.Free > 90:
		return fmt.Errorf("keep: free is %d: write a percentage from 0 to 90", s.Keep.Free)
	case s.Keep.Sums < 0 || s.Keep.Sums > 0 && s.Keep.Sums < 64<<20:
		return fmt.Errorf("keep: sums is %d: write a size of 64MiB or more, as 5GiB, or 0 for no limit", s.Keep.Sums)
	case s.Rows < 1000 || s.Rows > 2_000_000:
		return fmt.Errorf("rows is %d: write a number of flows from 1000 to 2000000", s.Rows)
	case s.Age < time.Second || s.Age > time.Hour:
		return fmt.Errorf("age is %s: write a duration from 1s to 1h", s.Age)
	case s.Journal < 16<<20:
		return fmt.Errorf("journal is %d: write a size of 16MiB or more", s.Journal)
	case s.Memory < 64<<20:
		return fmt.Errorf("memory is %d: write a size of 64MiB or more", s.Memory)
	case s.Threads < 0 || s.Threads > 1024:
		return fmt.Errorf("threads is %d: write a number from 1 to 1024, or 0 for one for each CPU", s.Threads)
	case s.Timeout < 0:
		return fmt.Errorf("timeout is %s: write a duration as 30s, or 0s for no limit", s.Timeout)
	case s.Answer < 1 || s.Answer > math.MaxInt32:
		return fmt.Errorf("answer is %d: write a number of rows above 0", s.Answer)
	}
	return nil
}
