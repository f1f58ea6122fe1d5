// Command package puts the datasource together: what the frontend's and the
// backend's builds left in grafana/dist, in one folder of the plugin's id. The same
// files give the same octets: sorted, of one time.
package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/build/utils"
)

func main() {
	log.SetFlags(0)
	root := flag.String("root", "grafana", "the plugin's folder")
	build := flag.String("build", "build/grafana", "where the package goes")
	flag.Parse()
	name, err := run(*root, *build)
	if err != nil {
		log.Fatal("make grafana: ", err)
	}
	fmt.Println(name)
}

// manifest is the file that tells which sources the binaries are of.
const manifest = "go_plugin_build_manifest"

func run(root, build string) (string, error) {
	build, err := filepath.Abs(build)
	if err != nil {
		return "", err
	}
	if err := os.Chdir(root); err != nil { // the manifest's paths begin there
		return "", err
	}
	sums, err := utils.GenerateManifest()
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join("dist", manifest), []byte(sums), 0o644); err != nil {
		return "", err
	}
	var plugin struct {
		ID         string
		Executable string
		Info       struct{ Version string }
	}
	file, err := os.ReadFile("dist/plugin.json")
	if err != nil {
		return "", err
	}
	if err := json.Unmarshal(file, &plugin); err != nil {
		return "", fmt.Errorf("dist/plugin.json: %w", err)
	}
	data, err := archive(os.DirFS("dist"), plugin.ID, plugin.Executable+"_")
	if err != nil {
		return "", err
	}
	name := filepath.Join(build, plugin.ID+"-"+plugin.Info.Version+".zip")
	if err := os.MkdirAll(build, 0o755); err != nil {
		return "", err
	}
	return name, os.WriteFile(name, data, 0o644)
}

// archive packs files below a folder. Only those that begin as binaries do may be run.
func archive(files fs.FS, folder, binaries string) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		h := &zip.FileHeader{Name: path.Join(folder, name), Method: zip.Deflate, Modified: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
		if h.SetMode(0o644); strings.HasPrefix(path.Base(name), binaries) {
			h.SetMode(0o755)
		}
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	})
	if err == nil {
		err = z.Close()
	}
	return out.Bytes(), err
}
