package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// These are the rules of Grafana's plugin validator (github.com/grafana/plugin-validator
// 0.45) that need no network, of what is in the repository; those of the package are in
// package_real_test.go, and those of the backend's calls in ../pkg/plugin/rules_test.go.

// A metadata is what plugin.json says.
type metadata struct {
	Type, ID, Name, Category, Executable          string
	Backend, Metrics, Logs, Annotations, Alerting bool
	Includes                                      []struct{ Type, Name, Path string }
	Info                                          struct {
		Description, Version, Updated string
		Author                        struct{ Name, URL string }
		Keywords                      []string
		Links                         []struct{ Name, URL string }
		Logos                         struct{ Small, Large string }
		Screenshots                   []struct{ Name, Path string }
	}
	Dependencies struct{ GrafanaDependency string }
}

func read(t *testing.T, files fs.FS, name string) []byte {
	t.Helper()
	data, err := fs.ReadFile(files, name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// checkMetadata holds plugin.json to the rules. All that it names is in files.
func checkMetadata(t *testing.T, files fs.FS) (m metadata) {
	t.Helper()
	if err := json.Unmarshal(read(t, files, "plugin.json"), &m); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[0-9a-z]+-[0-9a-z]+-datasource$`).MatchString(m.ID) || m.Type != "datasource" || m.Name == "" || m.Name == m.ID {
		t.Errorf("%s, of type %s, is called %q", m.ID, m.Type, m.Name)
	}
	if !m.Backend || m.Executable == "" || strings.ContainsAny(m.Executable, `/\.`) {
		t.Errorf("the executable is %q", m.Executable)
	}
	if m.Info.Description == "" || len(m.Info.Keywords) == 0 || m.Info.Author.Name == "" {
		t.Errorf("what the catalogue shows is empty: %+v", m.Info)
	}
	if len(m.Info.Links) == 0 {
		t.Error("no links")
	}
	for _, l := range m.Info.Links {
		if u, err := url.Parse(l.URL); l.Name == "" || err != nil || u.Scheme != "https" || u.Host == "" {
			t.Errorf("link %q leads to %q", l.Name, l.URL)
		}
	}
	// -0: releases before the first count as it.
	if d := m.Dependencies.GrafanaDependency; !regexp.MustCompile(`^>=\d+\.\d+\.\d+-0$`).MatchString(d) {
		t.Errorf("it depends on Grafana %s", d)
	}
	for _, i := range m.Includes {
		if read(t, files, i.Path); i.Type != "dashboard" || i.Name == "" || !strings.HasPrefix(i.Path, "dashboards/") {
			t.Errorf("included is %+v", i)
		}
	}
	if len(m.Includes) == 0 {
		t.Error("no dashboards are included")
	}
	images := []string{m.Info.Logos.Small, m.Info.Logos.Large}
	for _, s := range m.Info.Screenshots {
		if s.Name == "" {
			t.Errorf("screenshot %s has no name", s.Path)
		}
		images = append(images, s.Path)
	}
	if len(m.Info.Screenshots) == 0 {
		t.Error("no screenshots")
	}
	for _, name := range images {
		image := read(t, files, name)
		kinds := map[string]string{".svg": "text/plain; charset=utf-8", ".png": "image/png", ".jpg": "image/jpeg"}
		if got, want := http.DetectContentType(image), kinds[filepath.Ext(name)]; got != want || want == "" || strings.HasPrefix(name, ".") {
			t.Errorf("%s is %s", name, got)
		}
	}
	return m
}

// What an SVG may hold: shapes, and nothing that runs or comes from elsewhere.
var (
	safeElements   = strings.Fields("svg g path rect circle ellipse line polyline polygon defs linearGradient radialGradient stop title desc clipPath use text tspan")
	safeAttributes = regexp.MustCompile(`^(xmlns|width|height|viewBox|id|class|d|x|y|x1|x2|y1|y2|cx|cy|r|rx|ry|points|transform|offset|(fill|stroke|stop|clip|font|text|gradient)[A-Za-z-]*|opacity)$`)
)

func checkSVG(t *testing.T, name string, image []byte) {
	t.Helper()
	elements := 0
	for d := xml.NewDecoder(bytes.NewReader(image)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, ok := token.(xml.Directive); ok {
			t.Errorf("%s has a directive", name)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		elements++
		if !slices.Contains(safeElements, e.Name.Local) {
			t.Errorf("%s has an element %s", name, e.Name.Local)
		}
		for _, a := range e.Attr {
			if !safeAttributes.MatchString(a.Name.Local) || strings.Contains(a.Value, "url(http") || strings.Contains(strings.ToLower(a.Value), "script") {
				t.Errorf("%s: <%s %s=%q>", name, e.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
	if elements < 2 {
		t.Errorf("%s shows nothing", name)
	}
}

// within calls f with each file below the plugin's folder whose name ends so.
func within(t *testing.T, folder string, ends []string, f func(name, text string)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join("..", folder), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !slices.Contains(ends, filepath.Ext(name)) {
			return err
		}
		text, err := os.ReadFile(name)
		f(name, string(text))
		n++
		return err
	})
	if err != nil || n == 0 {
		t.Fatalf("%d files in %s: %v", n, folder, err)
	}
}

func TestSources(t *testing.T) {
	root := os.DirFS("..")
	m := checkMetadata(t, os.DirFS("../src"))
	var packaged struct{ Name, Version, License string }
	if err := json.Unmarshal(read(t, root, "package.json"), &packaged); err != nil {
		t.Fatal(err)
	}
	if m.Info.Version != "%VERSION%" || packaged.Name != m.ID || packaged.License != "Apache-2.0" {
		t.Errorf("plugin.json says version %s, package.json %+v", m.Info.Version, packaged)
	}
	checkTexts(t, root, packaged.Version)
	within(t, "src", []string{".svg"}, func(name, text string) { checkSVG(t, name, []byte(text)) })

	// The tools are create-plugin's. A go.mod here would ask for more.
	if !strings.Contains(string(read(t, root, ".config/webpack/webpack.config.ts")), "@grafana/create-plugin") {
		t.Error(".config is not create-plugin's")
	}
	if !strings.Contains(string(read(t, root, "Magefile.go")), "grafana-plugin-sdk-go/build") {
		t.Error("Magefile.go is not the SDK's")
	}
	if _, err := fs.Stat(root, "go.mod"); err == nil {
		t.Error("grafana has a go.mod")
	}
}

// checkTexts looks at what people read in the catalogue.
func checkTexts(t *testing.T, files fs.FS, version string) {
	t.Helper()
	if license := string(read(t, files, "LICENSE")); !strings.Contains(license, "Apache License") || regexp.MustCompile(`[\[{](yyyy|name of)`).MatchString(license) {
		t.Error("LICENSE is not Apache's, or not filled in")
	}
	if !strings.Contains(string(read(t, files, "CHANGELOG.md")), "\n## "+version) {
		t.Errorf("CHANGELOG.md says nothing of %s", version)
	}
	readme := string(read(t, files, "README.md"))
	if bad := regexp.MustCompile(`(?i)plugin template|yarn|nodejs|<!--`).FindString(readme); bad != "" || len(readme) < 1000 {
		t.Errorf("README.md has %q", bad)
	}
}

// What a frontend may not do: the validator's semgrep-rules.yaml.
var forbidden = []struct {
	what string
	in   *regexp.Regexp
}{
	{"logs to the console", regexp.MustCompile(`\bconsole\.(log|info|table|clear|count|countReset|dir|dirxml|group|groupEnd|time|timeEnd|timeLog|trace)\(`)},
	{"asks for an old toggle", regexp.MustCompile(`featureToggles\.topnav`)},
	{"reads what is Grafana's", regexp.MustCompile(`window\.(grafanaBootData|grafanaRuntime|__grafanaSceneContext)`)},
	{"reads what is React's", regexp.MustCompile(`__SECRET_INTERNALS`)},
	{"asks with the browser's dialogs", regexp.MustCompile(`(^|[^.\w])alert\(|window\.(alert|confirm|prompt)\(`)},
	{"opens windows", regexp.MustCompile(`window\.open\(`)},
	{"has classes that are gone", regexp.MustCompile(`gf-form`)},
	{"reads the address", regexp.MustCompile(`window\.location\.(search|href)`)},
	{"silences the compiler", regexp.MustCompile(`@ts-(ignore|expect-error)`)},
	{"imports style sheets", regexp.MustCompile(`import\s+['"].*\.(css|scss|less)['"]|<Global\b`)},
	{"asks for queries past the runtime", regexp.MustCompile(`/api/ds/query`)},
	{"has a test of its own in place of the backend's", regexp.MustCompile(`\btestDatasource\s*\(`)},
}

func TestCodeRules(t *testing.T) {
	within(t, "src", []string{".ts", ".tsx"}, func(name, text string) {
		if strings.Contains(name, ".test.") || strings.Contains(name, ".spec.") {
			return
		}
		for _, rule := range forbidden {
			if found := rule.in.FindString(text); found != "" {
				t.Errorf("%s %s: %s", name, rule.what, found)
			}
		}
	})
	printing := regexp.MustCompile(`\bfmt\.Print(ln|f)?\(`)
	within(t, "pkg", []string{".go"}, func(name, text string) {
		if found := printing.FindString(text); found != "" && !strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s has %s: what a plugin prints is not its log", name, found)
		}
	})
}
