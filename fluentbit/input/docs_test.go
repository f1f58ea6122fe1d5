package input

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The README's table of properties is the one in the code.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range Properties {
		if row := fmt.Sprintf("| `%s` | %s |", p.Name, p.Doc); !strings.Contains(string(readme), row) {
			t.Errorf("README.md has no row %s", row)
		}
	}
}

// The examples can be read.
func TestExamples(t *testing.T) {
	data, err := os.ReadFile("../conf/fluent-bit.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Pipeline struct{ Inputs []map[string]string }
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Pipeline.Inputs) != 1 {
		t.Fatalf("inputs: %v", file.Pipeline.Inputs)
	}
	props := file.Pipeline.Inputs[0]
	asked := map[string]bool{"name": true, "tag": true} // Fluent Bit's own
	for _, p := range Properties {
		asked[p.Name] = true
	}
	for name := range props {
		if !asked[name] {
			t.Errorf("fluent-bit.yaml sets %q, which isn't a property", name)
		}
	}
	if _, err := read(props); err != nil {
		t.Error(err)
	}
	if _, err := read(map[string]string{"config_file": "../conf/weir.yaml"}); err != nil {
		t.Error(err)
	}
}
