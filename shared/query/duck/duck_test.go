package duck

import (
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

func parse(t *testing.T, text string) *query.Filter {
	t.Helper()
	f, err := query.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func all() (s flow.Set) {
	for x := range flow.Field(flow.NumFields) {
		s.Add(x)
	}
	return s
}

// What somebody typed is in the parameters, and nowhere in the text.
func TestValuesAreParameters(t *testing.T) {
	f := func(text string, values ...any) {
		t.Helper()
		var w Statement
		if err := Filter(&w, parse(t, text), all()); err != nil {
			t.Error(err)
			return
		}
		sql, args := w.SQL()
		for _, secret := range []string{"secret", "31337", "198", "DROP"} {
			if strings.Contains(sql, secret) {
				t.Errorf("%s is %s", text, sql)
			}
		}
		if len(args) != len(values) {
			t.Errorf("%s has parameters %v, want %v", text, args, values)
			return
		}
		for i := range args {
			if args[i] != values[i] {
				t.Errorf("%s has parameters %v, want %v", text, args, values)
			}
		}
	}
	f(`app_name = "secret'; DROP TABLE x"`, "secret'; DROP TABLE x")
	f(`app_name ~ "secret|31337"`, "secret|31337")
	f("src port 31337", uint64(31337))
	f("port in [1 31337-31338]", uint64(1), uint64(31337), uint64(31338), uint64(1), uint64(31337), uint64(31338))
	f("src net 198.51.100.0/24", uint64(0), uint64(0xffff_c633_6400), uint64(0xffff_c633_64ff))
	f("src ip 198.51.100.1", uint64(0xffff_c633_6401))
	f("dst net 2001:db8::/32", uint64(0x2001_0db8_0000_0000), uint64(0x2001_0db8_ffff_ffff))
	f("duration > 31337", uint64(31337))
	f("start >= 2026-11-26T12:00:00.0000001Z", int64(1795694400001))
	f("not flags S", uint64(2))
}

// Names are quoted: some are words of SQL.
func TestNamesAreQuoted(t *testing.T) {
	var w Statement
	if err := Filter(&w, parse(t, "end > 2026-11-26T12:00:00Z and user = root"), all()); err != nil {
		t.Fatal(err)
	}
	if sql, _ := w.SQL(); sql != `("end" > $1) AND ("user" IN ($2))` {
		t.Error(sql)
	}
}

// A column that files lack is unknown there.
func TestLackingColumns(t *testing.T) {
	var w Statement
	if err := Filter(&w, parse(t, "src port 1 and not dst ip exists"), flow.Set{}); err != nil {
		t.Fatal(err)
	}
	if sql, _ := w.SQL(); sql != `((NULL::USMALLINT = $1)) AND (NOT (NULL::UBIGINT IS NOT NULL))` {
		t.Error(sql)
	}
}

// What can't be asked of the store is refused with what to do instead.
func TestRefused(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		var w Statement
		err := Filter(&w, parse(t, text), all())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	f("natEvent = 4", "weir tail")
	f("proto tcp and not (natEvent exists)", "weir tail")
	f(`app_name ~ "(?i)ä"`, "[Ää]")
}

func TestAnswers(t *testing.T) {
	byName := map[string]*Rollup{}
	for i := range Rollups {
		byName[Rollups[i].Name] = &Rollups[i]
	}
	f := func(rollup string, want bool, r query.Request, filter string, by ...string) {
		t.Helper()
		if filter != "" {
			r.Filter = parse(t, filter)
		}
		for _, name := range by {
			r.By = append(r.By, query.Dim{Of: parse(t, name+" exists").Expr().Of})
		}
		if got := byName[rollup].Answers(&r); got != want {
			t.Errorf("%s answers by %v where %s: %v", rollup, by, filter, got)
		}
	}
	minute := int64(time.Minute)
	bytes := query.Request{To: 60 * minute, Metrics: []query.Metric{{Of: query.Bytes}}}
	f("interfaces", true, bytes, "")
	f("interfaces", true, bytes, "exporter ip 192.0.2.1 and not in if 3", "in if", "exporter ip")
	f("interfaces", true, bytes, "if 3", "if")
	f("interfaces", false, bytes, "src port 3", "in if")
	f("interfaces", false, bytes, "natEvent 3", "in if")
	f("interfaces", false, bytes, "", "in if", "src port")
	f("interface", true, bytes, "exporter ip 192.0.2.1", "if")
	f("interface", false, bytes, "", "in if")
	f("interface", false, bytes, "", "exporter ip") // a flow is in two rows
	f("interface", false, bytes, "if 3", "if")
	f("as", true, bytes, "", "as")
	f("source", true, bytes, "src net 10.0.0.0/8", "src ip")
	f("source", false, bytes, "", "ip")
	f("source", false, bytes, "ipv4", "src ip") // of a flow without a source it asks the destination

	with := func(change func(*query.Request)) query.Request {
		r := bytes
		r.Metrics = []query.Metric{{Of: query.Bytes}}
		change(&r)
		return r
	}
	f("as", true, with(func(r *query.Request) { r.Bin = 10 * minute }), "", "src as")
	f("as", false, with(func(r *query.Request) { r.Bin = 7 * minute }), "", "src as")
	f("as", false, with(func(r *query.Request) { r.Bin, r.From = 10*minute, minute }), "", "src as")
	f("as", true, with(func(r *query.Request) { r.From = 1 }), "", "src as")
	f("as", false, with(func(r *query.Request) { r.Dedup = true }), "", "src as")
	f("as", false, with(func(r *query.Request) { r.Shape = query.Flows }), "")
	f("source", true, with(func(r *query.Request) { r.Metrics[0] = query.Metric{Of: query.Distinct, Column: flow.FieldSrcAddr} }), "")
	f("source", false, with(func(r *query.Request) { r.Metrics[0] = query.Metric{Of: query.Distinct, Column: flow.FieldDstAddr} }), "")
}
