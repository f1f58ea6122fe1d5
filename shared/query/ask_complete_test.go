package query

import (
	"slices"
	"strings"
	"testing"
)

func TestSuggest(t *testing.T) {
	f := func(words, prefix string, want ...string) {
		t.Helper()
		got := Suggest(strings.Fields(words), prefix)
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%q and %q: %q lacks %q", words, prefix, got, w)
			}
		}
		for _, g := range got {
			if !strings.HasPrefix(g, strings.ToLower(prefix)) {
				t.Errorf("%q does not begin with %q", g, prefix)
			}
		}
	}
	f("", "", showWords...)
	f("", "TO", "top")
	f("top", "s", "src_addr", "src_port", "src_as")
	f("top src", "", "by", "last", "where")
	f("top src by", "", metricWords...)
	f("count src by", "exp", "exporter")
	f("top this", "", calendar...)
	f("top last", "", "1h", "week")
	f("top where", "p", "proto", "port", "pps")
	if got := Suggest(strings.Fields("top where proto"), "t"); got != nil {
		t.Errorf("a value is completed as %q", got)
	}
	g := func(words, want string) {
		t.Helper()
		if got, _ := FieldBefore(strings.Fields(words)); got != want {
			t.Errorf("before a value of %q stands %q, want %q", words, got, want)
		}
	}
	g("top src where proto", "proto")
	g("top src where src port >=", "src port")
	g("top src where (app_name =", "app_name")
	g("top src where bps >", "")
	g("top src", "")
	g("top src where proto tcp and", "")
}

// What Word writes is read as the value.
func TestWord(t *testing.T) {
	for _, v := range []string{"https", "10.0.0.0/8", "it's", `a "b"`, "a b", "", "#", "ü"} {
		x, err := Parse("app_name = " + Word(v))
		if err != nil || x.Expr().Values[0].Text != v {
			t.Errorf("%q is %s: %v", v, Word(v), err)
		}
	}
}
