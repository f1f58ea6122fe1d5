package hec

import (
	"encoding/json"
	"strings"
	"testing"
)

// same checks that text, behind lead, is read back as encoding/json's own.
func same(t *testing.T, lead, text string) {
	t.Helper()
	dst := append([]byte(`"`), lead...)
	dst, _ = escape(append(dst, text...), 1+len(lead), []byte("old"))
	var got, want string
	if err := json.Unmarshal(append(dst, '"'), &got); err != nil {
		t.Fatalf("%q is %q: %v", text, dst, err)
	}
	theirs, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(theirs, &want); err != nil {
		t.Fatal(err)
	}
	if got != lead+want {
		t.Errorf("%q is read back as %q, want %q", text, got, lead+want)
	}
}

func TestEscape(t *testing.T) {
	for c := range 256 {
		for n := range 18 {
			same(t, "", strings.Repeat("x", n)+string([]byte{byte(c)})+strings.Repeat("y", 17-n))
			same(t, "", string([]byte{byte(c)})+strings.Repeat("z", n))
		}
	}
	for _, text := range []string{"", "a|b|c", "\"\\\b\f\n\r\t\x00\x1f\x7f", "Zürich 東京 🙂", "\xf0\x9f\x99", "\xed\xa0\x80", "\u2028\u2029<&>", "\xff\xfe\x80\xc0\xaf", "***SPLUNK***"} {
		same(t, "lead", text)
		same(t, "lead", strings.Repeat(text, 5))
	}
}

func FuzzEscape(f *testing.F) {
	for _, text := range []string{"10.0.0.1|443|", "\"\\\x00\xff", "Zürich \xed\xa0\x80 and on it goes"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { same(t, "lead", text) })
}
