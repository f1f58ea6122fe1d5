package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// A filterFlag is the text of --filter.
type filterFlag string

func (f *filterFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar((*string)(f), "filter", "", "take only flow records that match the `FILTER`; see weir help filter")
}

// parse returns the filter, nil if there is none.
func (f filterFlag) parse() (*query.Filter, error) {
	if f == "" {
		return nil, nil
	}
	x, err := query.Parse(string(f))
	if s := new(query.SyntaxError); errors.As(err, &s) {
		return nil, usagef("--filter: %w\n%s", err, s.Caret())
	}
	return x, err
}

// choose appends to dst the indexes of the flows of b that match.
func choose(dst []uint32, filter *query.Filter, b *flow.Batch) []uint32 {
	if filter != nil {
		return filter.Select(dst, b)
	}
	for i := range b.Flows {
		dst = append(dst, uint32(i))
	}
	return dst
}

// filterTopic is what weir help filter shows.
func filterTopic() *cobra.Command {
	return &cobra.Command{Use: "filter", Short: "The language of --filter", Long: query.Help}
}
