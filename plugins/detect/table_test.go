package detect

import "testing"

func TestTable(t *testing.T) {
	f := whole()
	f.End--
	f.Explanation = "one\ntwo \x1b[31m"
	f.Coverage = 0.9999
	whole := f
	whole.Coverage, whole.Explanation, whole.Severity = 1, "so", Low
	whole.End = f.Start + 3600e9
	const want = `WINDOW (UTC)         LENGTH SEVERITY CONF CLASS            EXPLANATION
2026-11-22T00:00:00Z 5m     high     0.90 scan.horizontal  one?two ?[31m (saw 99.9 % of the flows)
2026-11-22T00:00:00Z 1h     low      0.90 scan.horizontal  so
`
	if got := string(whole.AppendRow(f.AppendRow(AppendTitle(nil)))); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
