//go:build !cgo

package store

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/shared/query"
)

// ErrNotBuilt is what answers where DuckDB is not linked.
var ErrNotBuilt = errors.New("this weir was built without cgo, which its store takes to answer: build it with a C++ compiler, as make build does")

// A Reader answers nothing.
type Reader struct{}

// NewReader returns ErrNotBuilt.
func NewReader(*Store, config.Store) (*Reader, error) { return nil, ErrNotBuilt }

// Close does nothing.
func (*Reader) Close() {}

// Query returns ErrNotBuilt.
func (*Reader) Query(context.Context, *query.Request) (*query.Answer, error) {
	return nil, ErrNotBuilt
}

// Sum returns ErrNotBuilt.
func (*Reader) Sum(context.Context, time.Time) error { return ErrNotBuilt }

// Erase returns ErrNotBuilt.
func (*Reader) Erase(context.Context, *RollupFile, netip.Addr) (*RollupFile, bool, error) {
	return nil, false, ErrNotBuilt
}
