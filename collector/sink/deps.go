package sink

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
)

// Deps is what sinks get from whoever opens them. The zero Deps will do.
type Deps struct {
	Log    *slog.Logger     // nil: nothing is logged
	Stdout io.Writer        // nil: standard output
	Now    func() time.Time // nil: the system's clock
	Queue  pipeline.Queue   // of Open: what a Spec leaves out; zero: the pipeline's default
}

func (d Deps) filled() Deps {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Stdout == nil {
		d.Stdout = os.Stdout
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return d
}
