//go:build real

package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// built opens the package that make grafana has made, and returns what is in its one
// folder.
func built(t *testing.T) (files fs.FS, z *zip.ReadCloser, name string) {
	t.Helper()
	all, err := filepath.Glob("../../build/grafana/*.zip")
	if err != nil || len(all) != 1 {
		t.Fatalf("make grafana makes one package, not %v: %v", all, err)
	}
	if z, err = zip.OpenReader(all[0]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { z.Close() })
	folder, _, _ := strings.Cut(z.File[0].Name, "/")
	if files, err = fs.Sub(z, folder); err != nil {
		t.Fatal(err)
	}
	return files, z, all[0]
}

// The package is as Grafana's catalogue wants it.
func TestPackage(t *testing.T) {
	files, z, name := built(t)
	m := checkMetadata(t, files)
	if want := m.ID + "-" + m.Info.Version + ".zip"; filepath.Base(name) != want {
		t.Errorf("%s is not %s", name, want)
	}
	var packaged struct{ Version string }
	if err := json.Unmarshal(read(t, os.DirFS(".."), "package.json"), &packaged); err != nil || packaged.Version != m.Info.Version {
		t.Errorf("package.json has version %s, plugin.json %s: %v", packaged.Version, m.Info.Version, err)
	}
	if text := string(read(t, files, "plugin.json")); strings.Contains(text, "%VERSION%") || strings.Contains(text, "%TODAY%") || !regexp.MustCompile(`^\d{4}-\d\d-\d\d$`).MatchString(m.Info.Updated) {
		t.Errorf("plugin.json is not filled in: %s of %s", m.Info.Version, m.Info.Updated)
	}
	checkTexts(t, files, m.Info.Version)
	programs := 0
	for _, f := range z.File {
		inner, ok := strings.CutPrefix(f.Name, m.ID+"/")
		if !ok || !fs.ValidPath(inner) || strings.HasPrefix(path.Base(inner), ".") {
			t.Errorf("the package has %s", f.Name)
			continue
		}
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(inner, m.Executable+"_") {
			mode = 0o755
			programs++
			checkProgram(t, inner, read(t, files, inner))
		}
		if f.Mode() != mode {
			t.Errorf("%s has mode %s", inner, f.Mode())
		}
		switch path.Ext(inner) {
		case ".svg":
			checkSVG(t, inner, read(t, files, inner))
		case ".txt", ".ts", ".tsx": // pid.txt and standalone.txt are of debugging, MANIFEST.txt is of signing
			t.Errorf("the package has %s", inner)
		}
	}
	read(t, files, m.Executable+"_linux_amd64")
	if programs == 0 {
		t.Error("no programs")
	}
	checkModule(t, files, m.ID)
	checkBuildManifest(t, string(read(t, files, manifest)))
}

// checkProgram looks into a program: ours, built alike everywhere, without cgo; on
// Linux it needs no other file.
func checkProgram(t *testing.T, name string, program []byte) {
	t.Helper()
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	platform := strings.TrimSuffix(strings.TrimPrefix(name, "gpx_weir_flows_"), ".exe")
	if info.Path != "github.com/weirflow/weir/grafana/pkg" || set["GOOS"]+"_"+set["GOARCH"] != platform || set["CGO_ENABLED"] != "0" || set["-trimpath"] != "true" {
		t.Errorf("%s is %s with %v", name, info.Path, set)
	}
	for _, d := range info.Deps {
		if d.Path == "github.com/grafana/grafana-plugin-sdk-go" && d.Replace != nil {
			t.Errorf("%s has the SDK replaced by %s", name, d.Replace.Path)
		}
	}
	if set["GOOS"] != "linux" {
		return
	}
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s is linked dynamically", name)
		}
	}
}

// What Grafana gives to a plugin's module: all else is in it.
var given = regexp.MustCompile(`^(@grafana/(data|ui|runtime)|react|react-dom|react/jsx-runtime|rxjs|lodash|moment|@emotion/css|@emotion/react|i18next|react-router|module)$`)

// checkModule looks at the frontend: a module of AMD, and the map that leads to the
// sources that are here.
func checkModule(t *testing.T, files fs.FS, id string) {
	t.Helper()
	module := string(read(t, files, "module.js"))
	m := regexp.MustCompile(`^(?:/\*[^\n]*\*/\n)*define\(\[([^\]]*)\],`).FindStringSubmatch(module)
	if m == nil {
		t.Fatalf("module.js begins %.200q", module)
	}
	for name := range strings.SplitSeq(m[1], ",") {
		if !given.MatchString(strings.Trim(name, `"`)) {
			t.Errorf("Grafana gives no %s", name)
		}
	}
	for _, u := range regexp.MustCompile(`https?://[^\s"'`+"`"+`)\\]+`).FindAllString(module, -1) {
		if !regexp.MustCompile(`^https?://(127\.0\.0\.1|localhost|weir|\[::1\]|github\.com/weirflow|grafana\.com|www\.w3\.org)([:/]|$)`).MatchString(u) {
			t.Errorf("module.js leads to %s", u)
		}
	}
	for _, rule := range forbidden[:1] {
		if found := rule.in.FindString(module); found != "" {
			t.Errorf("module.js %s: %s", rule.what, found)
		}
	}
	var sources struct{ Sources, SourcesContent []string }
	if err := json.Unmarshal(read(t, files, "module.js.map"), &sources); err != nil || len(sources.Sources) != len(sources.SourcesContent) {
		t.Fatalf("module.js.map: %v", err)
	}
	found := 0
	for n, name := range sources.Sources {
		inner, ok := strings.CutPrefix(name, "webpack://"+id+"/./")
		if !ok || strings.HasPrefix(inner, "node_modules/") {
			continue
		}
		found++
		if text, err := os.ReadFile(filepath.Join("../src", inner)); err != nil || string(text) != sources.SourcesContent[n] {
			t.Errorf("module.js was built of another %s: %v", inner, err)
		}
	}
	if found < 5 {
		t.Errorf("module.js.map has %d sources of ours", found)
	}
}

// checkBuildManifest compares the sums with all Go files of the plugin's folder.
func checkBuildManifest(t *testing.T, text string) {
	t.Helper()
	sums := map[string]string{}
	for line := range strings.Lines(text) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			t.Errorf("the manifest has a line %q", line)
		}
		sums[name] = sum
	}
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if d.Name() == "node_modules" {
			return filepath.SkipDir
		}
		if err != nil || filepath.Ext(name) != ".go" {
			return err
		}
		file, err := os.ReadFile(name)
		inner, _ := filepath.Rel("..", name)
		sum := sha256.Sum256(file)
		if sums[inner] != hex.EncodeToString(sum[:]) {
			t.Errorf("the manifest has not %s as it is", inner)
		}
		delete(sums, inner)
		return err
	})
	if err != nil || len(sums) > 0 {
		t.Errorf("the manifest has also %v: %v", sums, err)
	}
}

// What was built is packed to the same octets again.
func TestPackageTwice(t *testing.T) {
	_, _, name := built(t)
	dir := t.TempDir()
	if out, err := exec.Command("go", "run", ".", "-root", "..", "-build", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	first, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	again, err := os.ReadFile(filepath.Join(dir, filepath.Base(name)))
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("packed again it is not the same: %v", err)
	}
}
