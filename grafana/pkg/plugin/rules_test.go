package plugin

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Grafana's validator refuses backends that read files, and warns of those that
// read the environment but for what Grafana says there to its plugins.
func TestNoFiles(t *testing.T) {
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, name := range append(files, "../main.go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		checked++
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			if slices.Contains([]string{"io/fs", "syscall", "path/filepath", "io/ioutil", "embed", "os/exec"}, path) {
				t.Errorf("%s imports %s", name, path)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok && isPluginEnv(c) {
				return false
			}
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "os" && s.Sel.Name != "Exit" {
					t.Errorf("%s uses os.%s", name, s.Sel.Name)
				}
			}
			return true
		})
	}
	if checked < 10 {
		t.Errorf("only %d files checked", checked)
	}
}

// isPluginEnv tells whether c reads a variable that Grafana sets for its plugins.
func isPluginEnv(c *ast.CallExpr) bool {
	s, ok := c.Fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != "Getenv" || len(c.Args) != 1 {
		return false
	}
	x, isName := s.X.(*ast.Ident)
	name, isText := c.Args[0].(*ast.BasicLit)
	return isName && x.Name == "os" && isText && strings.HasPrefix(name.Value, `"GF_PLUGIN_`)
}

// plugin.json and the binary are of the same plugin.
func TestPluginJSON(t *testing.T) {
	file, err := os.ReadFile("../../src/plugin.json")
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		ID, Type, Executable string
		Backend, Alerting    bool
		Info                 struct{ Logos struct{ Small, Large string } }
	}
	if err := json.Unmarshal(file, &p); err != nil {
		t.Fatal(err)
	}
	if p.ID != ID || p.Type != "datasource" || p.Executable != "gpx_weir_flows" || !p.Backend || !p.Alerting {
		t.Errorf("%+v", p)
	}
	for _, logo := range []string{p.Info.Logos.Small, p.Info.Logos.Large} {
		if _, err := os.Stat("../../src/" + logo); err != nil {
			t.Error(err)
		}
	}
}
