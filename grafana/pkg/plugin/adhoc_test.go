package plugin

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/querytest"
)

// filterOf is what the terms choose.
func filterOf(t *testing.T, adhoc string) (string, error) {
	t.Helper()
	f, err := adhocOf(testQuery(`{"adhoc":[` + adhoc + `]}`))
	if f == nil {
		return "", err
	}
	return f.String(), err
}

// Each operator, with values of each kind.
func TestAdhoc(t *testing.T) {
	f := func(adhoc, want string) {
		t.Helper()
		if got, err := filterOf(t, adhoc); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", adhoc, got, err, want)
		}
	}
	f(``, "")
	f(`{"key":"src port","operator":"=","value":"443"}`, "src port 443")
	f(`{"key":"src_port","operator":"!=","value":"443"}`, "not src port 443")
	f(`{"key":"src ip","operator":"=","value":"10.0.0.0/8"}`, "src net 10.0.0.0/8")
	f(`{"key":"ip","operator":"=|","value":"10.0.0.1","values":["10.0.0.1","2001:db8::/32"]}`, "ip in [10.0.0.1 2001:db8::/32]")
	f(`{"key":"proto","operator":"!=|","values":["tcp","17"]}`, "not proto in [tcp udp]")
	f(`{"key":"port","operator":"=","value":"80-90"}`, "port 80-90")
	f(`{"key":"bytes","operator":">","value":"1k"},{"key":"bytes","operator":"<","value":"2000"}`, "bytes > 1000 and bytes < 2000")
	f(`{"key":"src country","operator":"=","value":"de"}`, `src country "DE"`)
	f(`{"key":"app_name","operator":"=~","value":"^goo"}`, `app_name ~ "^goo"`)
	f(`{"key":"app_name","operator":"!~","value":"a|\"b"}`, `not app_name ~ 'a|"b'`)
	f(`{"key":"flags","operator":"=","value":"SA"}`, "flags = SA")
	// Of what is no text a pattern is a list, as variables of several values make one.
	f(`{"key":"dst port","operator":"=~","value":"^(80|443)$"}`, "dst port in [80 443]")
	f(`{"key":"ip","operator":"!~","value":"(?:10\\.0\\.0\\.1|10\\.0\\.0\\.2)"}`, "not ip in [10.0.0.1 10.0.0.2]")
	f(`{"key":"dst port","operator":"=~","value":"80"}`, "dst port 80")
	// What isn't there.
	f(`{"key":"app_name","operator":"=","value":"(none)"}`, "not app_name exists")
	f(`{"key":"app_name","operator":"!=","value":"(none)"}`, "app_name exists")
	f(`{"key":"src as","operator":"=|","values":["(none)","65001","(none)"]}`, "not src as exists or src as 65001")
	f(`{"key":"src as","operator":"!=|","values":["(none)","65001"]}`, "src as exists and not src as 65001")
	// Nothing chosen yet.
	f(`{"key":"src as","operator":"=|","value":""}`, "any")
	// Two quotes.
	f(`{"key":"app_name","operator":"=","value":"a\"b'c"}`, `app_name ~ "\Aa\x22b'c\z"`)
	f(`{"key":"app_name","operator":"=~","value":"\\Q\"'\\E[\"']\\\""}`, `app_name ~ "\x22'[\x22']\x22"`)
	f(`{"key":"app_name","operator":"=","value":"x\" or any or app_name = \""}`, `app_name = 'x" or any or app_name = "'`)

	bad := func(adhoc, want string) {
		t.Helper()
		if got, err := filterOf(t, adhoc); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v", adhoc, got, err)
		}
	}
	bad(`{"key":"any or port","operator":"=","value":"1"}`, `filter: "any or port" is no field`)
	bad(`{"key":"","operator":"=","value":"1"}`, `filter: "" is no field`)
	bad(`{"key":"port","operator":"; drop","value":"1"}`, "operator \"; drop\" is not known: there are =, !=")
	bad(`{"key":"port","operator":"=","value":"https or any"}`, "filter port: column ")
	bad(`{"key":"port","operator":"=","value":"a\"'b"}`, "filter port: column ")
	bad(`{"key":"port","operator":"<","value":"a\"'b"}`, "is no value of port")
	bad(`{"key":"src ip","operator":"<","value":"10.0.0.1"}`, "has no order")
	bad(`{"key":"port","operator":"=~","value":"^8.*"}`, "port is no text: compare it with =")
	bad(`{"key":"app_name","operator":"=~","value":"("}`, "filter app_name: column ")
	bad(`{"key":"bps","operator":"=","value":"(none)"}`, "is computed")
	bad(strings.Repeat(`{"key":"port","operator":"=","value":"1"},`, mostTerms)+`{"key":"port","operator":"=","value":"1"}`, "adhoc has 101 filters: write 100 at most")
	bad(`7`, "query: ")
}

// Values that must stay one value, whatever they look like.
var hostile = []string{
	`"`, `'`, `"'`, `'"`, `a"b'c`, `"'" or any or app_name = "'"`, `x" or any #`, `x' or any #`, "# x", "a\nb", "a\x00b", `\`, `\"'`, `\Q"'\E`, `[a b]`, `(`, `)`, `$__timeFilter`, `(none) `,
	"", " ", "any", "not", "other", "日本", `"'` + "\n", `^"'$`, `.*"'`,
}

// A text is compared whole, and with nothing else: by the engine itself.
func TestAdhocIsOneValue(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	values := slices.Clone(hostile)
	for range 300 {
		v := make([]byte, r.IntN(12))
		for i := range v {
			v[i] = `"'\ab()[]|^$.*#$ {}x2`[r.IntN(21)]
		}
		values = append(values, string(v))
	}
	b := &flow.Batch{}
	for _, v := range values {
		f := flow.Flow{Set: flow.SetOf(flow.FieldAppName)}
		f.AppName = b.Strings.Intern([]byte(v))
		b.Flows = append(b.Flows, f)
	}
	for i, v := range values {
		for _, operator := range []string{"=", "!=", "=|", "!=|", "=~", "!~"} {
			x := term{Key: "app_name", Operator: operator, Value: v}
			pattern := regexp.QuoteMeta(v)
			if strings.HasSuffix(operator, "~") {
				x.Value = `\A(?:` + pattern + `)\z`
			}
			if strings.HasSuffix(operator, "|") {
				x.Values = []string{v, v}
			}
			f, err := x.filter()
			if err != nil {
				t.Fatalf("%q %s: %v", v, operator, err)
			}
			if again, err := query.Parse(f.String()); err != nil || again.String() != f.String() {
				t.Errorf("%q %s: %q is another filter: %v", v, operator, f, err)
			}
			for j := range b.Flows {
				if got, want := f.Match(b, &b.Flows[j]), (values[j] == values[i]) != strings.HasPrefix(operator, "!"); got != want {
					t.Fatalf("%s is %s: %q passes: %t", x.Value, f, values[j], got)
				}
			}
		}
	}
}

// A dashboard's filters mean the same of a question in parts, of its text, and as part
// of its filter, which may have brackets and an or.
func TestAdhocIsAnd(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 2))
	b := querytest.Flows(r, 400)
	terms := []struct{ key, operator, value, text string }{
		{"src port", "=", "443", "src port = 443"}, {"proto", "!=", "tcp", "not proto tcp"}, {"bytes", ">", "1000", "bytes > 1000"},
		{"app_name", "=", "(none)", "not app_name exists"}, {"ip", "=|", "10.0.0.0/8", "ip in [10.0.0.0/8]"}, {"app_name", "=~", "a", `app_name ~ "a"`},
	}
	wheres := []string{
		"", "any", "port 80", "port 80 or port 443", "(proto tcp or proto udp) and not port 53", "not (port 80 or proto icmp)",
		"proto udp or proto tcp # or not", "app_name = 'x' or app_name = \"y\"", "ipv4 or bytes > 10",
	}
	flows := 0
	for range 300 {
		where := wheres[r.IntN(len(wheres))]
		var adhoc []string
		all := "any"
		if strings.TrimSpace(where) != "" {
			all = "(" + where + "\n)"
		}
		for range 1 + r.IntN(3) {
			x := terms[r.IntN(len(terms))]
			text, _ := json.Marshal(map[string]string{"key": x.key, "operator": x.operator, "value": x.value})
			adhoc = append(adhoc, string(text))
			all += " and (" + x.text + ")"
		}
		want, err := query.Parse(all)
		if err != nil {
			t.Fatal(err)
		}
		question := "top 3 src by bytes"
		if where != "" {
			question += " where " + where
		}
		more := `"adhoc":[` + strings.Join(adhoc, ",") + `]`
		for _, q := range []string{
			fmt.Sprintf(`{"question":%q,%s}`, question, more), fmt.Sprintf(`{"show":"top","by":["src"],"where":%q,%s}`, where, more),
			fmt.Sprintf(`{"type":"top","filter":%q,%s}`, where, more),
		} {
			a, _, err := parse(testQuery(q), noon)
			if err != nil {
				t.Fatalf("%s: %v", q, err)
			}
			again, err := query.Ask(a.String(), noon) // as a collector gets it
			if err != nil {
				t.Fatalf("%s: %v", a, err)
			}
			for i := range b.Flows {
				x := &b.Flows[i]
				if w := want.Match(b, x); a.Filter.Match(b, x) != w || again.Filter.Match(b, x) != w {
					t.Fatalf("%s is %s, not %s", q, a.Filter, want)
				} else if w {
					flows++
				}
			}
		}
	}
	if flows < 1000 {
		t.Errorf("only %d flows passed", flows)
	}
}

// A variable of several values, as the frontend writes it, is a term.
func TestMacroIn(t *testing.T) {
	f := func(where, want string) {
		t.Helper()
		q, err := json.Marshal(map[string]any{"show": "flows", "where": where})
		if err != nil {
			t.Fatal(err)
		}
		a, _, err := parse(testQuery(string(q)), noon)
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		got := "any"
		if a.Filter != nil {
			got = a.Filter.String()
		}
		if got != want {
			t.Errorf("%s is %s, want %s", where, got, want)
		}
	}
	f("$__in(if, any)", "any")
	f("$__in(if, )", "any")
	f("$__in(if,7)", "if 7")
	f("$__in(in if, [7 8])", "in if in [7 8]")
	f("$__in(exporter ip, [192.0.2.1])", "exporter ip 192.0.2.1")
	f(`$__in(app_name, ["a)b" 'c"d' dns]) and port 53`, `app_name in ["a)b" 'c"d' "dns"] and port 53`)
	f(`$__in(app_name, "any")`, `app_name = "any"`)
	f(`not $__in(app_name, "(none)")`, "not not app_name exists")
	f(`not $__in(src as, ["(none)" 7])`, "not (not src as exists or src as 7)")
	f("port 53 or $__in(ip, any)", "port 53 or any")
	f("$__in(if, [1, 2]) and $__in(proto, tcp)", "if in [1 2] and proto tcp")
	// What a variable has become is in quotes: it is no macro.
	f(`app_name = "$__in(user, any)"`, `app_name = "$__in(user, any)"`)
	f(`app_name = "$__in(user, [" and (app_name = "x])" or port 53)`, `app_name = "$__in(user, [" and (app_name = "x])" or port 53)`)
	f(`app_name = '$__nothing' and $__in(app_name, "$__from")`, `app_name = "$__nothing" and app_name = "$__from"`)
	f("$__in(if, 7) # it's $__nothing\n and $__in(proto, tcp)", "if 7 and proto tcp")
	a, _, err := parse(testQuery(`{"question":"top 3 src where $__in(port, [80 443]) or $__in(ip, any)"}`), noon)
	if err != nil || a.Filter.String() != "port in [80 443] or any" {
		t.Errorf("%v, %v", a, err)
	}
	bad := func(where, want string) {
		t.Helper()
		q, _ := json.Marshal(map[string]any{"show": "flows", "where": where})
		if a, _, err := parse(testQuery(string(q)), noon); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", where, a, err)
		}
	}
	for _, wrong := range []string{"$__in", "$__in(", "$__in()", "$__in(if)", "$__in(, 7)", "$__in(if, 7", `$__in(if, "7)`, "$__in(if, (7))", `$__in("if", 7)`, "$__in(if, a\"b)"} {
		bad(wrong, "$__in is written as $__in(FIELD, VALUE)")
	}
	bad("$__in(iff, 7)", "column ")
	bad("$__in(if, seven)", "column ")
}
