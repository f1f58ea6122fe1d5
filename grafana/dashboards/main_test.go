package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const src = "../src"

// A page is a dashboard as Grafana reads it.
type page struct {
	ID            any `json:"id"`
	UID           string
	Title         string
	Description   string
	SchemaVersion int
	Tags          []string
	Panels        []shown
	Time          struct{ From, To string }
	Templating    struct{ List []variable }
	Annotations   struct {
		List []struct {
			Name       string
			Datasource ref
			Target     json.RawMessage
		}
	}
}

type ref struct{ Type, UID string }

type variable struct {
	Type, Name, Label string
	Datasource        *ref
	Query             json.RawMessage
	Multi, IncludeAll bool
	AllValue          string
	Options           []struct{ Text, Value string }
}

type shown struct {
	ID                       int
	Type, Title, Description string
	Datasource               *ref
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []json.RawMessage
	Options                  json.RawMessage
	Transformations          []struct {
		ID      string
		Options json.RawMessage
	}
	FieldConfig struct {
		Overrides []struct {
			Matcher struct {
				ID      string
				Options string
			}
		}
	}
}

// pages reads the dashboards that are committed.
func pages(t *testing.T) (all []page) {
	t.Helper()
	for _, b := range boards {
		text, err := os.ReadFile(filepath.Join(src, "dashboards", b.file()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, b.encode()) {
			t.Errorf("%s is out of date: make generate", b.file())
		}
		var p page
		if err := json.Unmarshal(text, &p); err != nil {
			t.Fatalf("%s: %v", b.file(), err)
		}
		all = append(all, p)
	}
	return all
}

// Panels that Grafana brings; the Sankey panel is named, and has a table beside it.
var shipped = []string{"timeseries", "table", "stat", "bargauge", "piechart", "nodeGraph", "heatmap", "geomap", "logs", "text", "barchart"}

const sankey = "netsage-sankey-panel"

func TestPages(t *testing.T) {
	uids := map[string]bool{}
	all := pages(t)
	for _, p := range all {
		if p.ID != nil || !strings.HasPrefix(p.UID, "weir-") || uids[p.UID] || p.SchemaVersion < 41 || p.Description == "" || !slices.Contains(p.Tags, "weir") {
			t.Errorf("%s: %+v", p.Title, p)
		}
		uids[p.UID] = true
		if !regexp.MustCompile(`^now-\d+[hd]$`).MatchString(p.Time.From) || p.Time.To != "now" {
			t.Errorf("%s: range is %v", p.Title, p.Time)
		}
		grid, below := map[[2]int]string{}, 0
		for n, x := range p.Panels {
			if x.ID != n+1 || x.Title == "" || x.Description == "" {
				t.Errorf("%s: panel %d is %q, %q", p.Title, x.ID, x.Title, x.Description)
			}
			if x.Type != sankey && !slices.Contains(shipped, x.Type) {
				t.Errorf("%s: Grafana brings no panel %q", p.Title, x.Type)
			}
			g := x.GridPos
			for col := g.X; col < g.X+g.W; col++ {
				for row := g.Y; row < g.Y+g.H; row++ {
					if other := grid[[2]int{col, row}]; other != "" || col > 23 {
						t.Fatalf("%s: %q at %d, %d; there is %q", p.Title, x.Title, col, row, other)
					}
					grid[[2]int{col, row}] = x.Title
				}
			}
			below = max(below, g.Y+g.H)
			if x.Type == sankey && (p.Panels[n+1].Type != "table" || p.Panels[n+1].GridPos.Y != g.Y) {
				t.Errorf("%s: no table beside %q", p.Title, x.Title)
			}
		}
		if len(grid) != 24*below {
			t.Errorf("%s: %d places of %d are empty", p.Title, 24*below-len(grid), 24*below)
		}
	}
	if len(all) != 8 {
		t.Errorf("%d dashboards", len(all))
	}
}

// Names in a dashboard lead somewhere: variables, datasources and other dashboards.
func TestReferences(t *testing.T) {
	for n, p := range pages(t) {
		text := string(boards[n].encode())
		names := map[string]bool{"__all_variables": true, "__url_time_range": true, "__value": true, "__data": true, "__field": true}
		for _, v := range p.Templating.List {
			names[v.Name] = true
			if v.Type != "datasource" && v.Type != "custom" && (v.Datasource == nil || v.Datasource.UID != "${datasource}") {
				t.Errorf("%s: %s has datasource %v", p.Title, v.Name, v.Datasource)
			}
		}
		for _, m := range regexp.MustCompile(`\$\{(\w+)`).FindAllStringSubmatch(text, -1) {
			if !names[m[1]] {
				t.Errorf("%s: no variable %s", p.Title, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`"/d/([\w-]+)`).FindAllStringSubmatch(text, -1) {
			if !slices.ContainsFunc(boards, func(b board) bool { return b.uid() == m[1] }) {
				t.Errorf("%s: no dashboard %s", p.Title, m[1])
			}
		}
	}
}

// plugin.json includes them all.
func TestIncludes(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(src, "plugin.json"))
	if err != nil {
		t.Fatal(err)
	}
	var plugin struct {
		Includes []struct{ Type, Name, Path string }
	}
	if err := json.Unmarshal(text, &plugin); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, p := range pages(t) {
		want = append(want, fmt.Sprintf("dashboard %s dashboards/%s.json", p.Title, strings.TrimPrefix(p.UID, "weir-")))
	}
	for _, i := range plugin.Includes {
		got = append(got, fmt.Sprintf("%s %s %s", i.Type, i.Name, i.Path))
	}
	if !slices.Equal(got, want) {
		t.Errorf("plugin.json includes\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
