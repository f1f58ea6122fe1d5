package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/query"
)

var update = flag.Bool("update", false, "write testdata/fields.json")

// What the frontend's tests hold the frontend to is what the language is.
func TestLanguage(t *testing.T) {
	var l struct {
		Words  struct{ Shows, Clauses, Metrics []string }
		Quotes []struct{ Value, Text string }
		Lists  []struct {
			Values []string
			Where  string
		}
		Terms     []struct{ Where string }
		Examples  []string
		Questions []struct {
			Parts    query.Asked
			Question string
		}
	}
	file, err := os.ReadFile("../testdata/language.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file, &l); err != nil {
		t.Fatal(err)
	}
	if want := query.Suggest(nil, ""); !slices.Equal(l.Words.Shows, want) {
		t.Errorf("a question begins with %v, not %v", want, l.Words.Shows)
	}
	if all := query.Suggest([]string{"flows"}, ""); len(all) < len(l.Words.Clauses) || !slices.Equal(all[:len(l.Words.Clauses)], l.Words.Clauses) {
		t.Errorf("clauses are %v, not %v", all, l.Words.Clauses)
	}
	if want := query.Suggest([]string{"top", "by"}, ""); !slices.Equal(l.Words.Metrics, want) {
		t.Errorf("metrics are %v, not %v", want, l.Words.Metrics)
	}
	for _, q := range l.Quotes {
		for _, where := range []string{"app_name = " + q.Text, "app_name " + q.Text, "app_name in [" + q.Text + "]"} {
			if got := texts(t, where); !slices.Equal(got, []string{q.Value}) {
				t.Errorf("%s is about %q, want %q", where, got, q.Value)
			}
		}
	}
	for _, x := range l.Lists {
		if got := texts(t, x.Where); !slices.Equal(got, x.Values) {
			t.Errorf("%s is about %q, want %q", x.Where, got, x.Values)
		}
	}
	for _, x := range l.Terms {
		if _, err := query.Parse(x.Where); err != nil {
			t.Errorf("%s: %v", x.Where, err)
		}
	}
	if len(l.Examples) == 0 {
		t.Error("the help has no examples")
	}
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for _, q := range l.Examples {
		if _, err := query.Ask(q, now); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
	for _, q := range l.Questions {
		parts, err := q.Parts.Ask(now)
		if err != nil {
			t.Errorf("%+v: %v", q.Parts, err)
			continue
		}
		text, err := query.Ask(q.Question, now)
		if err != nil {
			t.Errorf("%s: %v", q.Question, err)
			continue
		}
		if got, want := text.String(), parts.String(); got != want {
			t.Errorf("%s is %s, its parts are %s", q.Question, got, want)
		}
	}
}

// texts returns the values of a filter of one term.
func texts(t *testing.T, where string) (all []string) {
	t.Helper()
	f, err := query.Parse(where)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return nil
	}
	e := f.Expr()
	if e.Op != query.In {
		t.Errorf("%s is %v", where, e)
	}
	for _, v := range e.Values {
		all = append(all, v.Text)
	}
	return all
}

// The frontend's tests run over the fields that there are.
func TestFields(t *testing.T) {
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(query.AllFields()); err != nil {
		t.Fatal(err)
	}
	const name = "../testdata/fields.json"
	if *update {
		if err := os.WriteFile(name, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is out of date: go test ./grafana/package -update", name)
	}
}

// The version and its day are the changelog's.
func TestVersion(t *testing.T) {
	var npm struct{ Version string }
	var plugin struct {
		Info struct{ Updated string }
	}
	for name, to := range map[string]any{"../package.json": &npm, "../src/plugin.json": &plugin} {
		file, err := os.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(file, to)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	changes, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitN(changes, []byte("\n"), 4)
	if got, want := string(lines[2]), "## "+npm.Version+" ("+plugin.Info.Updated+")"; got != want {
		t.Errorf("the changelog begins with %q, want %q", got, want)
	}
}
