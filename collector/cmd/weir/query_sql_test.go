package main

import (
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/query"
)

func TestInlined(t *testing.T) {
	got, err := inlined("$1 $2 $10 $3 $4", []any{int64(-7), uint64(1<<64 - 1), "it's $1", []string{"a", "b'c"}, "", "", "", "", "", "ten"})
	if want := `-7::BIGINT 18446744073709551615::UBIGINT 'ten' 'it''s $1' ['a', 'b''c']`; err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	if _, err := inlined("$2", []any{"a"}); err == nil {
		t.Error("a parameter that is not there is taken")
	}
}

func TestQuestionSQL(t *testing.T) {
	for _, text := range []string{
		"top src/24/48, proto by bytes, distinct dst where app_name ~ '^it.s' or app_name = \"it's\"",
		"series if by bits p95, packets both every 5min", "flows 5 by bytes where host 10.0.0.1", "conversations", "top src dedup raw",
	} {
		q, err := query.Ask(text, time.Unix(1_800_000_000, 0))
		if err != nil {
			t.Fatal(err)
		}
		got, err := questionSQL(q)
		if err != nil || parameter.MatchString(got) || !strings.Contains(got, "['DIR/store/segments/*/*/*.parquet']") {
			t.Errorf("%s is %s, %v", text, got, err)
		}
		if strings.Contains(text, "it's") && !strings.Contains(got, "'it''s'") {
			t.Errorf("a text is not quoted in %s", got)
		}
	}
	q, err := query.Ask("top src previous", time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := questionSQL(q); err == nil {
		t.Error("two periods are one statement")
	}
}
