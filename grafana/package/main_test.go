package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path"
	"reflect"
	"testing"
)

// A package has one folder, in which only the binaries may be run, and is the same
// each time.
func TestArchive(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"dist/plugin.json":                 `{"id": "weir-x", "executable": "gpx_x", "info": {"version": "1.2.3"}}`,
		"dist/gpx_x_linux_amd64":           "binary",
		"dist/dashboards/gpx_y.json":       "{}",
		"pkg/main.go":                      "package main\n",
		"node_modules/a/golang/flatted.go": "package flatted\n",
	} {
		if err := os.MkdirAll(path.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var first []byte
	for range 2 {
		name, err := run(".", "build")
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = data
		} else if !bytes.Equal(data, first) {
			t.Error("two packages of the same files differ")
		}
	}
	got := modes(t, first)
	want := map[string]string{
		"weir-x/plugin.json": "-rw-r--r--", "weir-x/gpx_x_linux_amd64": "-rwxr-xr-x",
		"weir-x/dashboards/gpx_y.json": "-rw-r--r--", "weir-x/go_plugin_build_manifest": "-rw-r--r--",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// modes lists what is in a zip.
func modes(t *testing.T, data []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range z.File {
		all[f.Name] = f.Mode().String()
	}
	return all
}
