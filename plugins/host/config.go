package host

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/weirflow/weir/plugins/detect"
)

// Config says how a detector is run.
type Config struct {
	Path     string        `yaml:"path"`     // of the program
	Args     []string      `yaml:"args"`     //
	Env      []string      `yaml:"env"`      // NAME=value, besides the few that every detector gets
	Start    time.Duration `yaml:"start"`    // time to come up
	Deadline time.Duration `yaml:"deadline"` // time for a batch
	Queue    int           `yaml:"queue"`    // batches that wait for the detector
	Overflow Overflow      `yaml:"overflow"` // what a full queue does
	Backoff  time.Duration `yaml:"backoff"`  // before the first restart; doubled for each further one without a batch between
	Longest  time.Duration `yaml:"longest"`  // wait before a restart
	GiveUp   int           `yaml:"give_up"`  // failures in a row that end it for good; 0: none do
	Findings int           `yaml:"findings"` // of one batch; what is beyond is dropped and counted
}

// Overflow is what happens to a batch when the queue is full.
type Overflow string

const (
	DropOldest Overflow = "drop-oldest" // the batch that waits longest is skipped, and counted
	Block      Overflow = "block"       // Feed waits; for replay
)

// Default is for live traffic.
func Default() Config {
	return Config{
		Start: 10 * time.Second, Deadline: 10 * time.Second,
		Queue: 64, Overflow: DropOldest,
		Backoff: time.Second, Longest: time.Minute,
		Findings: 1000,
	}
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Path == "":
		return errors.New("detector: path is empty")
	case c.Start <= 0 || c.Deadline <= 0:
		return errors.New("detector: start and deadline must be above 0")
	case c.Queue < 1 || c.Findings < 1:
		return errors.New("detector: queue and findings must be 1 or more")
	case c.Overflow != DropOldest && c.Overflow != Block:
		return fmt.Errorf("detector: overflow is %q, not %s or %s", c.Overflow, DropOldest, Block)
	case c.Backoff <= 0 || c.Longest < c.Backoff:
		return errors.New("detector: backoff must be above 0, and longest not below it")
	case c.GiveUp < 0:
		return errors.New("detector: give_up is below 0")
	}
	return nil
}

// Deps is what a detector needs from its surroundings.
type Deps struct {
	// Findings is given what the detector found, in its order, from one
	// goroutine. It may keep the findings, not the slice.
	Findings func([]detect.Finding)
	// Log gets what the process writes and what happens to it; nil: slog's
	// default.
	Log *slog.Logger
}

// Stats counts rows unless it says otherwise. Once all that was fed is through,
// Fed = Seen + Skipped.
type Stats struct {
	Fed      uint64
	Seen     uint64 // answered for by the detector
	Skipped  uint64 // pushed out of the queue, or lost with a process
	Late     uint64 // left out by the caller, behind the watermark
	Batches  uint64 // batches answered
	Findings uint64 // findings passed on
	Refused  uint64 // findings that made no sense, or were too many
	Failures uint64 // crashes, missed deadlines, wrong answers, failed starts
	Starts   uint64 // processes that came up
}
