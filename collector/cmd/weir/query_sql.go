package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/duck"
)

// questionSQL returns what asks DuckDB the same of a store's segments. Which of
// them may be left out, and which of rollups are enough, only the weir that runs
// knows.
func questionSQL(q *query.Question) (string, error) {
	if q.Against != [2]int64{} {
		return "", errors.New("in SQL there is no previous: ask twice")
	}
	files := []string{"DIR/store/segments/*/*/*.parquet"}
	need := needed(&q.Request)
	const far = int64(1) << 53 // milliseconds
	all := []duck.Source{{
		Files: files, Has: need, Start: [2]int64{-far, far}, End: [2]int64{-far, far}, Received: [2]int64{-far, far},
		Span: uint64(2 * far), Bytes: 1<<64 - 1, Packets: 1<<64 - 1, Rate: 1<<32 - 1, Rows: 1 << 32, Sum: 1e40,
	}}
	var w duck.Statement
	var err error
	switch q.Shape {
	case query.Groups:
		err = duck.Groups(&w, &q.Request, all)
	case query.Flows:
		err = duck.Records(&w, &q.Request, all, need, 0)
	default:
		err = duck.Conversations(&w, &q.Request, all)
	}
	if err != nil {
		return "", err
	}
	text, args := w.SQL()
	return inlined(text, args)
}

// needed are the columns that a question reads; the files must have them.
func needed(r *query.Request) (s flow.Set) {
	if r.Filter != nil {
		s = r.Filter.Columns()
	}
	s = s.Union(flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldSamplingRate, flow.FieldBytes, flow.FieldPackets))
	for i := range r.By {
		s = s.Union(flow.SetOf(r.By[i].Of.Fields...))
	}
	for _, m := range r.Metrics {
		if m.Of == query.Distinct {
			s.Add(m.Column)
		}
	}
	tuple := flow.SetOf(flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldProto, flow.FieldSrcPort, flow.FieldDstPort)
	switch {
	case r.Shape == query.Conversations:
		s.Add(flow.FieldTCPFlags)
		s = s.Union(tuple)
	case r.Shape == query.Flows:
		s = s.Union(tuple)
	case r.Dedup:
		s = s.Union(tuple).Union(flow.SetOf(flow.FieldExporter, flow.FieldDomain, flow.FieldDirection))
	}
	return s
}

var parameter = regexp.MustCompile(`\$[0-9]+`)

// inlined writes parameters into a statement as literals. Nothing else in it looks
// like one: its text holds no value that anybody has typed.
func inlined(text string, args []any) (string, error) {
	var failed error
	out := parameter.ReplaceAllStringFunc(text, func(s string) string {
		n, err := strconv.Atoi(s[1:])
		if err != nil || n < 1 || n > len(args) {
			failed = fmt.Errorf("there is no parameter %s", s)
			return s
		}
		switch v := args[n-1].(type) {
		case int64:
			return strconv.FormatInt(v, 10) + "::BIGINT"
		case uint64:
			return strconv.FormatUint(v, 10) + "::UBIGINT"
		case string:
			return literal(v)
		case []string:
			var all []string
			for _, x := range v {
				all = append(all, literal(x))
			}
			return "[" + strings.Join(all, ", ") + "]"
		default:
			failed = fmt.Errorf("parameter %s is a %T", s, v)
			return s
		}
	})
	return out, failed
}

// literal quotes a text as SQL has it.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
