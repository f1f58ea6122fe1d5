// Package addon puts the Splunk add-on together: what is in splunk/app, and what
// is made from weir's own tables: lookups and icons.
package addon

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// ID is the add-on's name, and that of its folder.
const ID = "TA-weir"

// Files returns the add-on without its binaries, by path below its folder. root
// is the repository.
func Files(root string) (map[string][]byte, error) {
	files := map[string][]byte{}
	app := os.DirFS(filepath.Join(root, "splunk", "app"))
	err := fs.WalkDir(app, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") {
			return fmt.Errorf("splunk/app/%s: Splunk wants no hidden files", name)
		}
		files[name], err = fs.ReadFile(app, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	ports, err := os.ReadFile(filepath.Join(root, "collector", "enrich", "port.csv"))
	if err != nil {
		return nil, err
	}
	licence, err := os.ReadFile(filepath.Join(root, "LICENSE"))
	if err != nil {
		return nil, err
	}
	made, err := lookups(string(ports))
	if err != nil {
		return nil, err
	}
	made["LICENSE.txt"] = licence
	for name, size := range map[string]int{"appIcon.png": 36, "appIcon_2x.png": 72, "appIconAlt.png": 36, "appIconAlt_2x.png": 72} {
		made["static/"+name] = icon(size)
	}
	for name, data := range made {
		if files[name] != nil {
			return nil, fmt.Errorf("splunk/app/%s is made by the build", name)
		}
		files[name] = data
	}
	return files, nil
}

var version = regexp.MustCompile(`(?m)^version = (\d+\.\d+\.\d+)$`)

// Version returns the version that app.conf has.
func Version(files map[string][]byte) (string, error) {
	m := version.FindSubmatch(files["default/app.conf"])
	if m == nil {
		return "", fmt.Errorf("splunk/app/default/app.conf has no version of three numbers")
	}
	return string(m[1]), nil
}
