package daemon

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/weirflow/weir/collector/config"
)

// The example is the default, with what the keys mean.
func TestExample(t *testing.T) {
	text := config.Example(Default())
	path := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Read(path)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	got, err := yaml.Marshal(c) // in which an empty list is as good as none
	if err != nil {
		t.Fatal(err)
	}
	want, err := yaml.Marshal(Default())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, s := range []string{"  # host:port; empty: no API\n  listen: 127.0.0.1:8085\n", "#   keep_source: they come from", "#   filter: datagrams with", "\nsource:\n", "# and with type: forward\n", "#   format (json): json, a line for each record", "  ports: true\n"} {
		if !strings.Contains(string(text), s) {
			t.Errorf("%q is not in\n%s", s, text)
		}
	}
}

func TestSchema(t *testing.T) {
	var s struct {
		Properties map[string]struct {
			Type        string
			Description string
		}
	}
	if err := json.Unmarshal(config.Schema(Default()), &s); err != nil {
		t.Fatal(err)
	}
	if text := string(config.Schema(Default())); !strings.Contains(text, `"const": "forward"`) || !strings.Contains(text, `"shared_key_file": {`) {
		t.Errorf("sinks are not in the schema:\n%s", text)
	}
	for key, typ := range map[string]string{"listen": "array", "source": "object", "api": "object", "relay": "array", "data": "string"} {
		if p := s.Properties[key]; p.Type != typ || p.Description == "" {
			t.Errorf("%s: %+v", key, p)
		}
	}
}
