// Package rules holds the repository to its own rules: which folder may import
// which, where cgo may be, what the top level holds.
package rules

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/weirflow/weir/"

var root = func() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
}()

type pkg struct {
	ImportPath string
	Standard   bool
	CgoFiles   []string
	Imports    []string
	Deps       []string
}

// list asks the go command for packages and all they import, as they are built
// for Linux with cgo.
func list(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,CgoFiles,Imports,Deps", "./...", "./testdata")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOOS=linux")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	all := map[string]pkg{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
	return all
}

// path finds how from comes to import to.
func path(all map[string]pkg, from string, bad func(string) bool) []string {
	type step struct {
		at  string
		via *step
	}
	seen := map[string]bool{from: true}
	queue := []*step{{at: from}}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if s.at != from && bad(s.at) {
			var out []string
			for ; s != nil; s = s.via {
				out = append([]string{strings.TrimPrefix(s.at, module)}, out...)
			}
			return out
		}
		for _, i := range all[s.at].Imports {
			if !seen[i] {
				seen[i] = true
				queue = append(queue, &step{i, s})
			}
		}
	}
	return nil
}

func within(p string, folders ...string) bool {
	for _, f := range folders {
		if p == module+f || strings.HasPrefix(p, module+f+"/") {
			return true
		}
	}
	return false
}

func TestArrowsPointDown(t *testing.T) {
	all := list(t)
	ours := func(p string) bool { return strings.HasPrefix(p, module) }
	rules := []struct {
		folder string
		bad    func(string) bool
		why    string
	}{
		{"shared", func(p string) bool {
			return !all[p].Standard && !within(p, "shared") && !strings.HasPrefix(p, "golang.org/x/sys")
		}, "shared imports the standard library and golang.org/x/sys, no more"},
		{"collector/source", func(p string) bool { return ours(p) && !within(p, "shared", "collector/source") }, "a source knows shared"},
		{"collector/pipeline", func(p string) bool { return ours(p) && !within(p, "shared", "collector/pipeline") }, "the pipeline knows shared"},
		{"collector/enrich", func(p string) bool { return ours(p) && !within(p, "shared", "collector/enrich") }, "enrichment knows shared"},
		{"collector/sink", func(p string) bool {
			return ours(p) && !within(p, "shared", "collector/sink", "collector/pipeline", "collector/source")
		}, "a sink knows the pipeline, and a source's address and size"},
		{"collector/config", func(p string) bool {
			return ours(p) && !within(p, "shared", "collector/config", "collector/source", "collector/pipeline", "collector/enrich", "collector/sink")
		}, "the configuration knows the components"},
		{"collector/doctor", func(p string) bool { return ours(p) && !within(p, "shared", "collector/pipeline", "collector/doctor") }, "the doctor knows the ledger"},
		{"collector/shadow", func(p string) bool {
			return ours(p) && !within(p, "shared", "collector/shadow", "collector/source", "collector/pipeline", "collector/sink")
		}, "the shadow report knows what measured"},
		{"collector/api", func(p string) bool {
			return ours(p) && !within(p, "shared", "collector/source", "collector/pipeline", "collector/enrich", "collector/config", "collector/doctor", "collector/erase", "collector/findings", "collector/api", "plugins/detect", "plugins/detectpb", "plugins/internal")
		}, "the API knows what it shows"},
		{"collector/findings", func(p string) bool {
			return ours(p) && !within(p, "shared", "collector/source", "collector/erase", "collector/findings", "plugins/detect", "plugins/detectpb", "plugins/internal")
		}, "what keeps findings knows what they are"},
		{"plugins", func(p string) bool { return ours(p) && !within(p, "shared", "plugins") }, "plugins know shared"},
	}
	hosts := []string{"fluentbit", "grafana", "splunk"}
	for _, h := range hosts {
		rules = append(rules, struct {
			folder string
			bad    func(string) bool
			why    string
		}{h, func(p string) bool {
			return ours(p) && !within(p, h, "shared", "collector/source", "collector/pipeline", "collector/enrich", "collector/config", "collector/doctor", "plugins/host", "plugins/detect", "plugins/detectpb", "plugins/internal", "testdata")
		}, "hosts know shared, the collector's parts and plugins/host, never one another"})
	}
	for _, r := range rules {
		n := 0
		for p := range all {
			if within(p, r.folder) {
				n++
				if way := path(all, p, r.bad); way != nil {
					t.Errorf("%s, but: %s", r.why, strings.Join(way, " → "))
				}
			}
		}
		if n == 0 {
			t.Errorf("no package in %s", r.folder)
		}
	}
}

func TestCgoStaysWhereItIs(t *testing.T) {
	for name, p := range list(t) {
		if strings.HasPrefix(name, module) && len(p.CgoFiles) > 0 && !within(name, "fluentbit/cmd/in_weir", "collector/store") {
			t.Errorf("%s has cgo files: %v", name, p.CgoFiles)
		}
	}
}

func TestTopLevel(t *testing.T) {
	out, err := exec.Command("git", "-C", root, "ls-tree", "--name-only", "HEAD").Output()
	if err != nil {
		t.Fatalf("git ls-tree: %v", err)
	}
	want := []string{"LICENSE", "Makefile", "README.md", "collector", "fluentbit", "go.mod", "go.sum", "grafana", "plugins", "shared", "splunk", "testdata"}
	var got []string
	for _, name := range strings.Fields(string(out)) {
		if !strings.HasPrefix(name, ".") {
			got = append(got, name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("top level is %v, want %v", got, want)
	}
}

// each calls f with every Go file of ours.
func each(t *testing.T, f func(name string, file *ast.File, src []byte)) {
	t.Helper()
	fset := token.NewFileSet()
	for _, dir := range []string{"collector", "plugins", "fluentbit", "grafana", "splunk", "shared", "testdata"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			if filepath.Ext(name) != ".go" {
				return nil
			}
			src, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			file, err := parser.ParseFile(fset, name, src, parser.ParseComments)
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(root, name)
			f(rel, file, src)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestGeneratedFilesStartWithZ(t *testing.T) {
	each(t, func(name string, file *ast.File, src []byte) {
		generated := ast.IsGenerated(file)
		if z := strings.HasPrefix(filepath.Base(name), "z"); z != generated {
			t.Errorf("%s: generated: %v, named z*: %v", name, generated, z)
		}
	})
}

func TestNoInit(t *testing.T) {
	each(t, func(name string, file *ast.File, src []byte) {
		if ast.IsGenerated(file) || strings.HasSuffix(name, "_test.go") {
			return
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init function", name)
			}
		}
	})
}

// The wire path: no unsafe, no reflection.
func TestSharedIsSafe(t *testing.T) {
	each(t, func(name string, file *ast.File, src []byte) {
		if !strings.HasPrefix(name, "shared/") || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "/gen/") {
			return
		}
		for _, i := range file.Imports {
			if p := strings.Trim(i.Path.Value, `"`); p == "unsafe" || p == "reflect" {
				t.Errorf("%s imports %s", name, p)
			}
		}
	})
}
