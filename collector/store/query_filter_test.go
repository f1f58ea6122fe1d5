//go:build cgo

package store

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/duck"
	"github.com/weirflow/weir/shared/query/querytest"
)

// filterCases are the filters that the tests of shared/query ask.
func filterCases(t *testing.T) (all []string) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../shared/query/match_test.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok && len(c.Args) == 2 {
			name, isName := c.Fun.(*ast.Ident)
			text, isText := c.Args[0].(*ast.BasicLit)
			if isName && name.Name == "f" && isText {
				s, err := strconv.Unquote(text.Value)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, s)
			}
		}
		return true
	})
	if len(all) < 50 {
		t.Fatalf("only %d filters", len(all))
	}
	return all
}

// What a filter says in SQL of a flow is what it says in Go: true, false, unknown.
func TestFilters(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 2))
	d := openTest(t)
	b := querytest.Flows(rng, 500)
	s := put(t, d, b, len(b.Flows))[0]
	stored := querytest.Stored(b)
	all := filterCases(t)
	for range 10 * *rounds {
		all = append(all, querytest.Filter(rng, true))
	}
	all = append(all, `app_name ~ "(?i)^DNS"`, `app_name ~ "^d.s$"`, `app_name ~ "[^a-m]"`, `app_name ~ "\\pL{3}"`, `app_name ~ "(?m)^d|(?s).$"`, `app_name ~ ""`,
		`app_name ~ "\\bweb\\B"`, `app_name ~ "\\x{FFFD}d"`, `app_name ~ "(d|dn)(?:s|ss)*?"`, `app_name in ["" "b�d"]`)
	refused := 0
	for len(all) > 0 {
		var w duck.Statement
		var filters []*query.Filter
		for len(all) > 0 && len(filters) < 20 {
			f, err := query.Parse(all[0])
			if err != nil {
				t.Fatalf("%s: %v", all[0], err)
			}
			all = all[1:]
			var alone duck.Statement
			if err := duck.Filter(&alone, f, s.Columns); err != nil {
				if !strings.Contains(err.Error(), "without a column") {
					t.Errorf("%s: %v", f, err)
				}
				refused++
				continue
			}
			filters = append(filters, f)
		}
		w.Add("SELECT file_row_number")
		for _, f := range filters {
			w.Add(", ")
			if err := duck.Filter(&w, f, s.Columns); err != nil {
				t.Fatal(err)
			}
		}
		w.Add(" FROM read_parquet(" + literal(filepath.Join(d.dir, s.File)) + ", file_row_number = true)")
		text, args := w.SQL()
		seen := 0
		err := d.query(context.Background(), text, args, func(rows *rows) error {
			row := rows.column(0)
			for k, f := range filters {
				c := rows.column(k + 1)
				for i := range rows.n {
					got := query.Unknown
					if !c.null(i) {
						got = query.Truth(2 * c.uint(i))
					}
					fl := &stored.Flows[row.uint(i)]
					if want := f.Eval(stored, fl); got != want {
						t.Fatalf("%s is %s, want %s, of %s", f, got, want, querytest.Records(&flow.Batch{Flows: []flow.Flow{*fl}, Strings: stored.Strings}, 0, 1))
					}
				}
			}
			seen += rows.n
			return nil
		})
		if err != nil {
			t.Fatalf("%v: %v\n%s", filters, err, text)
		}
		if seen != len(stored.Flows) {
			t.Errorf("%d rows of %d", seen, len(stored.Flows))
		}
	}
	if refused == 0 {
		t.Error("no filter about elements without a column was refused")
	}
}
