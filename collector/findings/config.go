package findings

import (
	"fmt"
	"time"

	"github.com/weirflow/weir/collector/source"
)

// Config is what an operator may set of findings.
type Config struct {
	Keep time.Duration `yaml:"keep"` // findings whose day ended longer ago go; 0: never
	Size source.Size   `yaml:"size"` // octets of all; beyond them the oldest days go
}

// Default keeps findings for 90 days.
func Default() Config { return Config{Keep: 90 * 24 * time.Hour, Size: 1 << 30} }

// leastSize holds some findings of the largest kind.
const leastSize = 4 << 20

// Validate says what is wrong with c, and what to write instead.
func (c Config) Validate() error {
	switch {
	case c.Keep < 0 || c.Keep > 0 && c.Keep < time.Hour:
		return fmt.Errorf("keep is %s: write a duration of 1h or more, or 0s for no limit", c.Keep)
	case c.Size < leastSize:
		return fmt.Errorf("size is %d: write a size of 4MiB or more, as 1GiB", c.Size)
	}
	return nil
}
