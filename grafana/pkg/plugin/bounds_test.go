package plugin

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/shared/query"
)

// A query is no longer than it need be, whatever it is long by, and an error doesn't
// repeat all of it.
func TestLongQueries(t *testing.T) {
	f := func(octets int, before, after, want string) {
		t.Helper()
		_, _, err := parse(testQuery(before+strings.Repeat("x", octets)+after), noon)
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 1000 {
			t.Errorf("%s…%s: %.2000v", before, after, err)
		}
	}
	const tooLong = "a query has 131072 octets at most"
	for _, x := range [][2]string{
		{`{"show":"top","by":["src"],"unknown":"`, `"}`},
		{`{"show":"flows","live":true,"adhoc":[{"key":"user","operator":"=","value":"`, `"}]}`},
		{`{"groupBy":["`, `"]}`},
	} {
		f(mostQuery, x[0], x[1], tooLong)
	}
	const octets = 60_000
	f(octets, `{"groupBy":["SrcAddr`, `"]}`, "did you mean SrcAddr, ")
	f(octets, `{"type":"`, `"}`, "is not known: write timeseries, top or flows")
	f(octets, `{"metric":"`, `"}`, "is not known: write bits")
	f(octets, `{"show":"top","format":"`, `"}`, "is not known: leave it empty")
	f(octets, `{"show":"findings","severity":"`, `"}`, "write info, low")
	f(octets, `{"show":"top","adhoc":[{"key":"`, `","operator":"=","value":"1"}]}`, "is no field")
}

// A request with more queries than a panel ever has is refused as a whole.
func TestManyQueries(t *testing.T) {
	d := newTestHub(t).test(t, "u", "127.0.0.1:0", 8)
	req := &backend.QueryDataRequest{}
	for n := range mostQueries {
		q := testQuery(`{"type":"top"}`)
		q.RefID = strconv.Itoa(n)
		req.Queries = append(req.Queries, q)
	}
	r, err := d.QueryData(t.Context(), req)
	if err != nil || len(r.Responses) != mostQueries || r.Responses["7"].Error != nil {
		t.Fatalf("%d answers, %v", len(r.Responses), err)
	}
	req.Queries = append(req.Queries, testQuery(`{"type":"top"}`))
	if _, err := d.QueryData(t.Context(), req); err == nil || !backend.IsDownstreamError(err) || err.Error() != "a request has 100 queries at most, this one has 101" {
		t.Error(err)
	}
}

// Once the answers of a request have as many values as they may, there are no more.
func TestBudget(t *testing.T) {
	var b budget
	f := data.NewFrame("", data.NewField("a", nil, make([]bool, mostCells/2)), data.NewField("b", nil, make([]bool, mostCells/2)))
	b.spend([]*data.Frame{f})
	if err := b.left(); err != nil {
		t.Error(err)
	}
	b.spend([]*data.Frame{data.NewFrame("", data.NewField("a", nil, []bool{true}))})
	if err := b.left(); err == nil || !strings.HasPrefix(err.Error(), "the answers of this request have 10000001 values already, of 10000000 at most") {
		t.Error(err)
	}
}

// Questions wait for their turn, and leave when nobody waits for them.
func TestTurns(t *testing.T) {
	v := goldenWindow(t)
	q, err := (&query.Asked{Show: "top", Range: "last 1h"}).Ask(noon)
	if err != nil {
		t.Fatal(err)
	}
	for range cap(turns) {
		turns <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := runIn(ctx, v, &q.Request); !errors.Is(err, context.Canceled) {
		t.Errorf("it had no turn: %v", err)
	}
	for range cap(turns) {
		<-turns
	}
	for range cap(turns) + 1 { // each gives its turn back
		if _, err := runIn(t.Context(), v, &q.Request); err != nil {
			t.Fatal(err)
		}
	}
}
