//go:build !cgo

package store

import (
	"context"
	"errors"

	"github.com/weirflow/weir/shared/query"
)

// ErrNotBuilt is what answers where DuckDB is not linked.
var ErrNotBuilt = errors.New("this weir was built without cgo, which its store takes to answer: build it with a C++ compiler, as make build does")

// Answers answers nothing.
type Answers struct{}

// NewAnswers returns ErrNotBuilt.
func NewAnswers(*Store) (*Answers, error) { return nil, ErrNotBuilt }

// Query returns ErrNotBuilt.
func (*Answers) Query(context.Context, *query.Request) (*query.Answer, error) {
	return nil, ErrNotBuilt
}

// Close does nothing.
func (*Answers) Close() {}
