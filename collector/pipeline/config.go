package pipeline

import (
	"errors"
	"fmt"
	"time"
)

// Overflow says what happens when a queue is full.
type Overflow string

const (
	// DropOldest gives up the oldest batch of the queue, and counts its flows.
	DropOldest Overflow = "drop-oldest"
	// Block lets the source wait: datagrams then queue in the socket, and the
	// kernel drops what doesn't fit there. Right for files.
	Block Overflow = "block"
	// Spill writes to disk what the queue has no room for, and reads it back
	// when it has.
	Spill Overflow = "spill"
)

// Config is what an operator may set of a Pipeline. Queue, Overflow and Disk are
// the defaults of its outputs.
type Config struct {
	Batch    int           `yaml:"batch"`    // flows in a batch, about
	Flush    time.Duration `yaml:"flush"`    // a batch waits this long to become full
	Queue    int           `yaml:"queue"`    // batches that may wait for a sink; fewer if their flows have more than 1 KiB each
	Overflow Overflow      `yaml:"overflow"` // drop-oldest, block or spill
	Drain    time.Duration `yaml:"drain"`    // at the end, the sinks have this long for what is queued
	Accounts int           `yaml:"accounts"` // exporters, by address, port and domain, that are accounted for one by one
}

// Default suits a live collector: 65,536 flows in the queue, about 25 MB.
func Default() Config {
	return Config{Batch: 256, Flush: 100 * time.Millisecond, Queue: 256, Overflow: DropOldest, Drain: 5 * time.Second, Accounts: 16384}
}

// Validate says what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Batch < 1 || c.Batch > 65536:
		return fmt.Errorf("batch is %d: write a number of flows from 1 to 65536", c.Batch)
	case c.Flush < time.Millisecond || c.Flush > time.Minute:
		return fmt.Errorf("flush is %s: write a duration from 1ms to 1m", c.Flush)
	case c.Drain < 0 || c.Drain > 10*time.Minute:
		return fmt.Errorf("drain is %s: write a duration from 0s to 10m", c.Drain)
	case c.Accounts < 1 || c.Accounts > 1<<24:
		return fmt.Errorf("accounts is %d: write a number of exporters from 1 to %d", c.Accounts, 1<<24)
	}
	if c.Overflow == Spill {
		return Queue{Size: c.Queue, Overflow: c.Overflow, Dir: ".", Disk: 1}.Validate() // they are the outputs' to say
	}
	return Queue{Size: c.Queue, Overflow: c.Overflow}.Validate()
}

// A Queue is the way to a sink.
type Queue struct {
	Size     int      // batches that may wait in memory, fewer if their flows have more than 1 KiB each
	Overflow Overflow // what happens beyond
	Dir      string   // of Spill: where its files are
	Disk     int64    // of Spill: octets that they may have
}

// Validate says what is wrong with q.
func (q Queue) Validate() error {
	switch {
	case q.Size < 1 || q.Size > 65536:
		return fmt.Errorf("queue is %d: write a number of batches from 1 to 65536", q.Size)
	case q.Overflow != DropOldest && q.Overflow != Block && q.Overflow != Spill:
		return fmt.Errorf("overflow is %q: write %s, %s or %s", string(q.Overflow), DropOldest, Block, Spill)
	case q.Overflow == Spill && q.Dir == "":
		return errors.New("overflow is spill, and there is no data directory: write one, as data: /var/lib/weir")
	case q.Overflow == Spill && q.Disk < 1:
		return fmt.Errorf("disk is %d: write the octets that may be spilled, as 4GiB", q.Disk)
	}
	return nil
}
