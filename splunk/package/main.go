// Command package puts the Splunk add-on together: splunk/app, the lookups and
// icons that are made from weir's tables, and the binaries that make splunk has
// built. The same files give the same octets: sorted, of owner 0, of one time.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/weirflow/weir/splunk/internal/addon"
)

// binaries are where Splunk looks for the program of the input weir.
var binaries = []string{"linux_x86_64/bin/weir", "windows_x86_64/bin/weir.exe"}

func main() {
	log.SetFlags(0)
	root := flag.String("root", ".", "the repository")
	build := flag.String("build", "build/splunk", "where the binaries are, and where the package goes")
	flag.Parse()
	name, err := run(*root, *build)
	if err != nil {
		log.Fatal("make splunk: ", err)
	}
	fmt.Println(name)
}

func run(root, build string) (string, error) {
	files, err := addon.Files(root)
	if err != nil {
		return "", err
	}
	version, err := addon.Version(files)
	if err != nil {
		return "", err
	}
	for _, b := range binaries {
		if files[b], err = os.ReadFile(filepath.Join(build, b)); err != nil {
			return "", err
		}
	}
	data, err := archive(files)
	if err != nil {
		return "", err
	}
	name := filepath.Join(build, addon.ID+"-"+version+".tgz")
	return name, os.WriteFile(name, data, 0o644)
}

// archive packs files below the add-on's folder. Only binaries may be run.
func archive(files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(z)
	headers := map[string]*tar.Header{}
	for name, data := range files {
		mode := int64(0o644)
		if slices.Contains(binaries, name) {
			mode = 0o755
		}
		headers[name] = &tar.Header{Typeflag: tar.TypeReg, Size: int64(len(data)), Mode: mode}
		for dir := path.Dir(name); ; dir = path.Dir(dir) {
			headers[dir+"/"] = &tar.Header{Typeflag: tar.TypeDir, Mode: 0o755}
			if dir == "." {
				break
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		h := headers[name]
		h.Name, h.ModTime, h.Format = path.Join(addon.ID, name), time.Unix(1577836800, 0), tar.FormatUSTAR
		if h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		if err := t.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := t.Write(files[name]); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
