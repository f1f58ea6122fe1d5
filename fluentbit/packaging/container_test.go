//go:build real && linux

package packaging

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The Containerfile can't be built here, where no images are: it is read line by
// line, and what it copies and starts must be there.
func TestContainerfile(t *testing.T) {
	build(t)
	copies := map[string]string{} // from what, by where to
	var command, exposed []string
	lines := bufio.NewScanner(bytes.NewReader(read(t, "../Containerfile")))
	for first := true; lines.Scan(); {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		name, rest, _ := strings.Cut(line, " ")
		if first != (name == "FROM") {
			t.Errorf("%q: FROM is first, and once", line)
		}
		first = false
		words := strings.Fields(rest)
		switch name {
		case "FROM":
			if rest != "fluent/fluent-bit:5.1.1" {
				t.Errorf("%q: which Fluent Bit?", line)
			}
		case "ARG":
			if rest != "TARGETARCH" {
				t.Errorf("%q: nobody sets that", line)
			}
		case "COPY":
			if len(words) != 2 {
				t.Fatalf("%q: want one source and one place", line)
			}
			copies[words[1]] = words[0]
			for arch := range arches {
				from := strings.ReplaceAll(words[0], "${TARGETARCH}", arch)
				if s, err := os.Stat(filepath.Join(top, from)); err != nil || !s.Mode().IsRegular() {
					t.Errorf("%q: no file %s", line, from)
				}
			}
		case "EXPOSE":
			exposed = words
		case "ENTRYPOINT", "CMD":
			var args []string
			if err := json.Unmarshal([]byte(rest), &args); err != nil {
				t.Errorf("%q: without a shell it must be JSON: %v", line, err)
			}
			command = append(command, args...)
		default:
			t.Errorf("%q: what is that?", line)
		}
	}

	if len(command) != 3 || command[0] != "/fluent-bit/bin/fluent-bit" || command[1] != "-c" {
		t.Fatalf("it runs %q", command)
	}
	config, ok := copies[command[2]]
	if !ok {
		t.Fatalf("nothing is copied to %s", command[2])
	}
	var file struct {
		Plugins  []string
		Pipeline struct{ Inputs []struct{ Listeners string } }
	}
	if err := yaml.Unmarshal(read(t, filepath.Join(top, config)), &file); err != nil {
		t.Fatal(err)
	}
	for _, p := range file.Plugins {
		if !strings.HasSuffix(copies[p], "/in_weir.so") {
			t.Errorf("%s wants %s, where nothing is copied to", config, p)
		}
	}
	if len(file.Plugins) == 0 || len(file.Pipeline.Inputs) == 0 {
		t.Errorf("%s has no plugin, or no input", config)
	}
	for _, in := range file.Pipeline.Inputs {
		for _, l := range strings.Split(in.Listeners, ",") {
			if port := l[strings.LastIndexByte(l, ':')+1:]; !slices.Contains(exposed, port+"/udp") {
				t.Errorf("%s listens on %q, which isn't among %v", config, l, exposed)
			}
		}
	}
}
