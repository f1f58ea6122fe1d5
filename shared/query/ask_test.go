package query

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// asking is the moment at which tests ask: a Thursday.
var asking = time.Date(2026, 11, 26, 12, 34, 56, 0, time.UTC)

func TestAsk(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		q, err := Ask(text, asking)
		if err != nil {
			t.Errorf("%s: %v\n%s", text, err, err.(*SyntaxError).Caret())
			return
		}
		if got := q.String(); got != want {
			t.Errorf("%s\nis   %s\nwant %s", text, got, want)
		}
	}
	const hour = " from 2026-11-26T11:34:56Z to 2026-11-26T12:34:56Z"
	f("top", "top 10 by bytes"+hour)
	f("TOP 10 src,dst BY bytes LAST 1h WHERE dst port 443", "top 10 src ip, dst ip by bytes"+hour+" where dst port 443")
	f("top src port by bits, flows", "top 10 src port by bits, flows"+hour)
	f("top 5 exporter,in_if by bits p95 this month",
		"top 5 exporter ip, in if by bits p95 from 2026-11-01T00:00:00Z to 2026-11-26T12:35:00Z every 5min")
	f("series 8 app_name by bits last 6h every 5min",
		"series 8 app_name by bits from 2026-11-26T06:30:00Z to 2026-11-26T12:35:00Z every 5min")
	f("series last 1h", "series 10 by bits from 2026-11-26T11:34:30Z to 2026-11-26T12:35:00Z every 30s")
	f("flows 50 last 10min where host 10.0.0.1", "flows 50 from 2026-11-26T12:24:56Z to 2026-11-26T12:34:56Z where ip 10.0.0.1")
	f("flows by bytes", "flows 100 by bytes"+hour)
	f("conversations 10 by bytes last 1h", "conversations 10 by bytes"+hour+" idle 30s")
	f("conversations idle 2 min", "conversations 10"+hour+" idle 2min")
	f("matrix src_as x dst_as by bytes last 24h", "matrix 100 src as x dst as by bytes from 2026-11-25T12:34:56Z to 2026-11-26T12:34:56Z")
	f("count src by exporter", "top 10 exporter ip by distinct src ip"+hour)
	f("count src, dst port", "top 10 by distinct src ip, distinct dst port"+hour)
	f("top src by distinct dst", "top 10 src ip by distinct dst ip"+hour)
	f("top 10 pair by packets yesterday", "top 10 pair by packets from 2026-11-25T00:00:00Z to 2026-11-26T00:00:00Z")
	f("top pair/24/48, proto", "top 10 pair/24/48, proto by bytes"+hour)
	f("top src/24, dst/32/48, exporter ip/16", "top 10 src ip/24, dst ip/32/48, exporter ip/16 by bytes"+hour)
	f("top src/32", "top 10 src ip by bytes"+hour)
	f("top if both raw dedup by bytes max every 1min present",
		"top 10 if by bytes max from 2026-11-26T11:34:00Z to 2026-11-26T12:35:00Z every 1min raw dedup both present")
	f("top where any", "top 10 by bytes"+hour)
	f("top 7 src by bytes total # of what comes in", "top 7 src ip by bytes"+hour)
}

// Ranges, and what they are compared with, by hand from a calendar of 2026.
func TestAskRanges(t *testing.T) {
	f := func(text, from, to, before, end string) {
		t.Helper()
		q, err := Ask("top "+text+" previous", asking)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		got := []string{when(q.From), when(q.To), when(q.Against[0]), when(q.Against[1])}
		if want := []string{from, to, before, end}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
	f("last 90 min", "2026-11-26T11:04:56Z", "2026-11-26T12:34:56Z", "2026-11-26T09:34:56Z", "2026-11-26T11:04:56Z")
	f("today", "2026-11-26T00:00:00Z", "2026-11-26T12:34:56Z", "2026-11-25T00:00:00Z", "2026-11-25T12:34:56Z")
	f("yesterday", "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z")
	f("this hour", "2026-11-26T12:00:00Z", "2026-11-26T12:34:56Z", "2026-11-26T11:00:00Z", "2026-11-26T11:34:56Z")
	f("last hour", "2026-11-26T11:00:00Z", "2026-11-26T12:00:00Z", "2026-11-26T10:00:00Z", "2026-11-26T11:00:00Z")
	f("this week", "2026-11-23T00:00:00Z", "2026-11-26T12:34:56Z", "2026-11-16T00:00:00Z", "2026-11-19T12:34:56Z")
	f("last week", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-09T00:00:00Z", "2026-11-16T00:00:00Z")
	f("last month", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z")
	f("from 2026-11-01 to 2026-11-08", "2026-11-01T00:00:00Z", "2026-11-08T00:00:00Z", "2026-10-25T00:00:00Z", "2026-11-01T00:00:00Z")
	f("from 10:00 to 11:30", "2026-11-26T10:00:00Z", "2026-11-26T11:30:00Z", "2026-11-26T08:30:00Z", "2026-11-26T10:00:00Z")
	f("from 22:00 to 06:00", "2026-11-25T22:00:00Z", "2026-11-26T06:00:00Z", "2026-11-25T14:00:00Z", "2026-11-25T22:00:00Z")
	f("from 12:00", "2026-11-26T12:00:00Z", "2026-11-26T12:34:56Z", "2026-11-26T11:25:04Z", "2026-11-26T12:00:00Z")
	f("from 2026-11-26t13:00:00+01:00 to now", "2026-11-26T12:00:00Z", "2026-11-26T12:34:56Z", "2026-11-26T11:25:04Z", "2026-11-26T12:00:00Z")
	// Berlin's clocks went back on 25 October: its October began at 22:00 UTC, and
	// ended at 23:00; November 26 began at 23:00.
	f("last month zone Europe/Berlin", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z", "2026-08-31T22:00:00Z", "2026-09-30T22:00:00Z")
	f("zone Europe/Berlin today", "2026-11-25T23:00:00Z", "2026-11-26T12:34:56Z", "2026-11-24T23:00:00Z", "2026-11-25T12:34:56Z")
	f("zone Europe/Berlin from 2026-10-25 to 2026-10-26T00:00", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "2026-10-23T21:00:00Z", "2026-10-24T22:00:00Z")
	// Where a clock is set forward at midnight, the day begins at one (tz database: Cuba 2026-03-08, Azores 2026-03-29).
	f("zone America/Havana from 2026-03-08 to 2026-03-09", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z", "2026-03-07T06:00:00Z", "2026-03-08T05:00:00Z")
	f("zone Atlantic/Azores from 2026-03-29 to 2026-03-30", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z", "2026-03-28T02:00:00Z", "2026-03-29T01:00:00Z")
	f("zone America/Havana from 2026-11-01 to 2026-11-02", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", "2026-10-31T03:00:00Z", "2026-11-01T04:00:00Z")
	// In March a month's beginning may lie in no shorter month.
	q, err := Ask("top this month previous", time.Date(2026, 3, 31, 6, 0, 0, 0, time.UTC))
	if err != nil || when(q.Against[0]) != "2026-02-01T00:00:00Z" || when(q.Against[1]) != "2026-03-01T00:00:00Z" {
		t.Errorf("March is compared with %s to %s, %v", when(q.Against[0]), when(q.Against[1]), err)
	}
}

// Errors point at the place, and tell what to write.
func TestAskErrors(t *testing.T) {
	f := func(text, place, message string) {
		t.Helper()
		q, err := Ask(text, asking)
		var s *SyntaxError
		if !errors.As(err, &s) {
			t.Errorf("%s: %v, %v", text, q, err)
			return
		}
		r := []rune(s.source)
		if at := string(r[min(s.Column-1, len(r)):min(s.Column-1+s.width, len(r))]); at != place || !strings.Contains(s.Message, message) {
			t.Errorf("%s: points at %q, want %q: %v", text, at, place, err)
		}
	}
	f("", "", "the question is empty")
	f("topp 10", "topp", `did you mean "top"?`)
	f("who fills my link", "who", "write one of top, series")
	f("top 0 src", "0", "no number from 1 to 100000")
	f("top 100001", "100001", "no number from 1 to 100000")
	f("top srcc by bytes", "srcc", `is no field`)
	f("top src prot by bytes", "prot", "is no part of a question")
	f("top app_nam by bytes", "app_nam", `did you mean "app_name"?`)
	f("top src dst", "dst", `a comma between columns`)
	f("top src bytes", "bytes", `stands behind "by": by bytes`)
	f("top proto port 53", "port", `write "where" before the filter`)
	f("top src,src", "src", "is there twice")
	f("top bps", "bps", "can't be grouped")
	f("top proto/8", "8", "is no address")
	f("top src/33", "33", "1 to 32")
	f("top src/24/0", "24/0", "/1 to /128")
	f("top by bytez", "bytez", `did you mean "bytes"?`)
	f("top by", "", "by what?")
	f("top by bytes by flows", "by", "two of")
	f("top by bytes p100", "p100", "p1 to p99")
	f("top by distinct src max", "max", "leave \"max\" out")
	f("top by distinct ip", "ip", "can't be counted")
	f("count", "count", "count what?")
	f("top last", "last", "last how long? last 1h")
	f("top last 5", "5", "last 1h")
	f("top last 5m", "5m", "write min")
	f("top last 1h today", "today", "two of the time range")
	f("top this yar", "yar", "this hour")
	f("top from 25:00", "25:00", "is no moment")
	f("top from 2026-11-26 to 2026-11-25", "2026-11-26", "ends before it begins")
	f("top from 2300-01-01", "2300-01-01", "not between")
	f("top from 1700-01-01", "top", "too large")
	f("top zone Berlin", "Berlin", "no time zone")
	f("top every 1000d", "1000d", "not from 1ns")
	f("top every 1s last 10d by bits max", "top", "ask for longer ones")
	f("matrix src_as dst_as", "dst_as", `"x"`)
	f("matrix", "matrix", "of what")
	f("flows idle 3s", "idle", "only conversations")
	f("flows dedup", "flows", "without dedup")
	f("series src previous", "series", "only top and matrix")
	f("top src both", "top", "group by ip")
	f("top against 2026-11-01", "2026-11-01", `"to"`)
	f("top wher proto tcp", "wher", `did you mean "where"?`)
	f("top where", "where", "where dst port 443")
	f("top where prot tcp", "prot", `did you mean "proto"?`)
	f("top where (proto tcp", "(", `no ")"`)
	f("top 'src'", "'src'", "a column is missing")
}

// The help's and the grammar's examples are questions.
func TestAskExamples(t *testing.T) {
	n := 0
	for line := range strings.Lines(AskHelp) {
		line = strings.TrimSpace(line)
		if !regexp.MustCompile(`^(top|series|flows|conversations|matrix|count) [0-9a-z]`).MatchString(line) || strings.Contains(line, "   ") {
			continue
		}
		n++
		if _, err := Ask(line, asking); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if n < 8 {
		t.Errorf("the help has %d examples", n)
	}
	for _, w := range append(append(append([]string{}, showWords...), clauseWords...), metricWords...) {
		if !strings.Contains(AskHelp, w) {
			t.Errorf("the help lacks %q", w)
		}
	}
	for i, line := range strings.Split(AskHelp, "\n") {
		if n := len([]rune(line)); n > 80 {
			t.Errorf("line %d of the help has %d columns", i+1, n)
		}
	}
}

func TestAsked(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		var got string
		a, err := ReadAsked([]byte(text))
		if err == nil {
			var q *Question
			if q, err = a.Ask(asking); err == nil {
				got = q.String()
			}
		}
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s\nis   %s\nwant %s", text, got, want)
		}
	}
	const hour = " from 2026-11-26T11:34:56Z to 2026-11-26T12:34:56Z"
	f(`{"question": "top 3 src"}`, "top 3 src ip by bytes"+hour)
	f(`{}`, "top 10 by bytes"+hour)
	f(`{"show": "series", "limit": 8, "by": ["app_name", "src port"], "metrics": ["bits", "flows"], "from": "12:00", "to": "12:30", "every": "5 min", "where": "dst port 443", "raw": true, "dedup": true}`,
		"series 8 app_name, src port by bits, flows from 2026-11-26T12:00:00Z to 2026-11-26T12:30:00Z every 5min raw dedup where dst port 443")
	f(`{"show": "matrix", "by": ["src as", "dst as"], "range": "yesterday", "previous": true}`,
		"matrix 100 src as x dst as by bytes from 2026-11-25T00:00:00Z to 2026-11-26T00:00:00Z against 2026-11-24T00:00:00Z to 2026-11-25T00:00:00Z")
	f(`{"show": "count", "metrics": ["distinct src"], "by": ["exporter"], "zone": "Europe/Berlin"}`, "top 10 exporter ip by distinct src ip"+hour+" zone Europe/Berlin")
	f(`{"show": "conversations", "idle": "1min", "metrics": ["packets"]}`, "conversations 10 by packets"+hour+" idle 1min")
	f(`{"question": "top 3 src", "limit": 3}`, "a question is asked by its text or by its parts: leave out one of them")
	f(`{"by": ["src by bytes"]}`, `by: column 5: "by" does not belong here`)
	f(`{"where": "proto tcp) or (any"}`, `where: column 10: no "(" belongs to this`)
	f(`{"by": ["srcport2"]}`, `by: column 1: "srcport2" is no field: did you mean "src port"?`)
	f(`{"range": "soon"}`, `range: column 1: "soon" begins no range: write last 1h, today, this month, from … to …`)
	f(`{"to": "12:00"}`, `range: write a range, or from and to`)
	f(`{"show": "pie"}`, `show: no question begins with "pie": write one of top, series, matrix, count, flows, conversations`)
	f(`{"limit": -1}`, `limit: it is negative`)
	f(`{"show": "matrix", "by": ["src as"]}`, `by: a matrix has two columns`)
	f(`{"by": ["'"]}`, `by: column 1: no ' ends what begins here`)
	f(`{"zone": ""}`, "top 10 by bytes"+hour)
	f(`{"zone": "%"}`, `zone: column 1: "%" means nothing here; texts stand in quotes`)
	f(`{"by": [""]}`, `by: column 1: a column is missing here: src, dst port, app_name …`)
	f(`{"previous": true, "against": "2026-11-01 to 2026-11-02"}`, `against: write it, or previous`)
	f(`{"metrics": ["bytes, flows"]}`, `metrics: column 6: "," does not belong here`)
	f(`{"ask": 1}`, `the question is no JSON that is understood: unknown field "ask"`)
	f(`{} {}`, `something stands behind the question's JSON`)
	f(`{"limit": "3"}`, `the question is no JSON that is understood: cannot unmarshal string into Go struct field Asked.limit of type int`)
}

// The documentation has all clauses.
func TestAskGrammar(t *testing.T) {
	src, err := os.ReadFile("ask.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range append(append(append([]string{}, showWords...), clauseWords...), metricWords...) {
		if !strings.Contains(string(src), fmt.Sprintf("%q", w)) {
			t.Errorf("the grammar lacks %q", w)
		}
	}
}

// same tells whether two questions are one.
func same(a, b *Question) bool {
	x, y := *a, *b
	x.Filter, y.Filter = nil, nil
	return reflect.DeepEqual(x, y) && a.String() == b.String()
}

// The usual form of a question is the same question at any time.
func FuzzAsk(f *testing.F) {
	for line := range strings.Lines(AskHelp) {
		f.Add(strings.TrimSpace(line))
	}
	for _, s := range []string{
		"top 5 src/24/48, if by bits p95, bytes max, flows last week zone Europe/Berlin every 1h present both",
		"series 3 by distinct src, packets from 22:00 to 06:00 raw dedup where not (flags SA) or app_name ~ '^a'",
		"matrix 9 src_as x dst_as previous against", "conversations idle 90s against 2026-01-01 to 2026-01-02",
	} {
		f.Add(s)
	}
	later := asking.Add(1000 * time.Hour)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Ask(text, asking)
		if err != nil {
			s := err.(*SyntaxError)
			if s.Line < 1 || s.Column < 1 || strings.Count(s.Caret(), "\n") != 1 {
				t.Fatalf("%q: %v\n%s", text, err, s.Caret())
			}
			return
		}
		usual := q.String()
		if len(usual) > MaxText {
			return
		}
		again, err := Ask(usual, later)
		if err != nil {
			t.Fatalf("%q is %q: %v", text, usual, err)
		}
		if !same(q, again) {
			t.Fatalf("%q is %q, which is %q", text, usual, again)
		}
	})
}

// Whatever programs send is refused, or is a question whose text is the same.
func FuzzAsked(f *testing.F) {
	for _, s := range []string{
		`{"question": "top 3 src"}`, `{"show": "matrix", "limit": 3, "by": ["src as", "dst as/1"], "range": "yesterday", "previous": true}`,
		`{"show": "series", "by": ["ip/24/48"], "metrics": ["bits p95", "distinct proto"], "from": "12:00", "to": "now", "every": "5 min", "where": "not port 443", "raw": true}`,
		`{"show": "conversations", "idle": "1min", "zone": "Europe/Berlin", "against": "2026-11-01 to 2026-11-02"}`, `{"by": ["'"]}`, `{"zone": "'"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := ReadAsked(text)
		if err != nil {
			return
		}
		q, err := a.Ask(asking)
		if err != nil || len(q.String()) > MaxText {
			return
		}
		again, err := Ask(q.String(), asking.Add(1000*time.Hour))
		if err != nil || !same(q, again) {
			t.Fatalf("%s is %q: %v", text, q, err)
		}
	})
}
