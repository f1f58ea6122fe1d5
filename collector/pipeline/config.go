package pipeline

import (
	"fmt"
	"time"
)

// Overflow says what happens when the queue is full.
type Overflow string

const (
	// DropOldest gives up the oldest batch of the queue, and counts its flows.
	DropOldest Overflow = "drop-oldest"
	// Block lets the source wait: datagrams then queue in the socket, and the
	// kernel drops what doesn't fit there. Right for files.
	Block Overflow = "block"
)

// Config is what an operator may set of a Pipeline.
type Config struct {
	Batch    int           `yaml:"batch"`    // flows in a batch, about
	Flush    time.Duration `yaml:"flush"`    // a batch waits this long to become full
	Queue    int           `yaml:"queue"`    // batches that may wait for the sink
	Overflow Overflow      `yaml:"overflow"` // drop-oldest or block
	Drain    time.Duration `yaml:"drain"`    // at the end, the sink has this long for what is queued
}

// Default suits a live collector: 65,536 flows in the queue, about 25 MB.
func Default() Config {
	return Config{Batch: 256, Flush: 100 * time.Millisecond, Queue: 256, Overflow: DropOldest, Drain: 5 * time.Second}
}

// Validate says what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Batch < 1 || c.Batch > 65536:
		return fmt.Errorf("batch is %d: write a number of flows from 1 to 65536", c.Batch)
	case c.Flush < time.Millisecond || c.Flush > time.Minute:
		return fmt.Errorf("flush is %s: write a duration from 1ms to 1m", c.Flush)
	case c.Queue < 1 || c.Queue > 65536:
		return fmt.Errorf("queue is %d: write a number of batches from 1 to 65536", c.Queue)
	case c.Overflow != DropOldest && c.Overflow != Block:
		return fmt.Errorf("overflow is %q: write %s or %s", string(c.Overflow), DropOldest, Block)
	case c.Drain < 0 || c.Drain > 10*time.Minute:
		return fmt.Errorf("drain is %s: write a duration from 0s to 10m", c.Drain)
	}
	return nil
}
