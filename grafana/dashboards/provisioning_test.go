package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"go.yaml.in/yaml/v3"

	"github.com/weirflow/weir/grafana/pkg/plugin"
)

// provisioned reads a file of ../provisioning. What into doesn't know is an error.
func provisioned(t *testing.T, name string, into any) {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "provisioning", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	d := yaml.NewDecoder(file)
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// A source is a datasource as Grafana's files name it.
type provisionedSource struct {
	Name, UID, Type, Access, URL string
	IsDefault                    bool           `yaml:"isDefault"`
	JSONData                     map[string]any `yaml:"jsonData"`
	SecureJSONData               map[string]any `yaml:"secureJsonData"`
}

func sources(t *testing.T) []provisionedSource {
	t.Helper()
	var file struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []provisionedSource
	}
	provisioned(t, "datasources/weir.yaml", &file)
	return file.Datasources
}

// Both ways to flows are there, with settings that the plugin takes.
func TestProvisionedSources(t *testing.T) {
	var modes []string
	for _, s := range sources(t) {
		if s.Type != plugin.ID || s.Access != "proxy" || s.UID == "" {
			t.Errorf("%+v", s)
		}
		text, err := json.Marshal(s.JSONData)
		if err != nil {
			t.Fatal(err)
		}
		settings, err := plugin.ParseSettings(backend.DataSourceInstanceSettings{URL: s.URL, JSONData: text})
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		modes = append(modes, settings.Mode)
	}
	if !slices.Equal(modes, []string{"collector", "direct"}) {
		t.Errorf("modes are %v", modes)
	}
}

// The dashboards' folder is the plugin's, where docker-compose.yaml puts it.
func TestProvisionedDashboards(t *testing.T) {
	var file struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Folder, Type    string
			AllowUIUpdates        bool `yaml:"allowUiUpdates"`
			UpdateIntervalSeconds int  `yaml:"updateIntervalSeconds"`
			Options               struct{ Path string }
		}
	}
	provisioned(t, "dashboards/weir.yaml", &file)
	if len(file.Providers) != 1 || file.Providers[0].Type != "file" || !strings.HasSuffix(file.Providers[0].Options.Path, "/plugins/"+plugin.ID+"/dashboards") {
		t.Errorf("%+v", file)
	}
	var compose struct {
		Services map[string]struct {
			Image       string
			Command     []string
			Volumes     []string
			Ports       []string
			NetworkMode string `yaml:"network_mode"`
			Environment map[string]string
		}
		Volumes map[string]any
	}
	provisioned(t, "../docker-compose.yaml", &compose)
	plugins := strings.TrimSuffix(file.Providers[0].Options.Path, "/dashboards")
	if v := compose.Services["grafana"].Volumes; !slices.Contains(v, "./dist:"+plugins+":ro") || !slices.Contains(v, "./provisioning:/etc/grafana/provisioning:ro") {
		t.Errorf("Grafana's volumes are %v", v)
	}
}

// A rule is an alert rule as Grafana's files have it.
type rule struct {
	UID, Title, Condition, For string
	NoDataState                string `yaml:"noDataState"`
	ExecErrState               string `yaml:"execErrState"`
	DashboardUID               string `yaml:"dashboardUid"`
	PanelID                    int    `yaml:"panelId"`
	Labels, Annotations        map[string]string
	Data                       []struct {
		RefID             string                 `yaml:"refId"`
		DatasourceUID     string                 `yaml:"datasourceUid"`
		RelativeTimeRange struct{ From, To int } `yaml:"relativeTimeRange"`
		Model             map[string]any
	}
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		APIVersion int `yaml:"apiVersion"`
		Groups     []struct {
			OrgID                  int `yaml:"orgId"`
			Name, Folder, Interval string
			Rules                  []rule
		}
	}
	provisioned(t, "alerting/weir.yaml", &file)
	if len(file.Groups) != 1 {
		t.Fatalf("%d groups", len(file.Groups))
	}
	return file.Groups[0].Rules
}

// Rules ask datasources that are provisioned, lead to panels that there are, and are
// chains: a query, what it comes to, and the condition. No text is Grafana's to
// expand: in annotations it replaces $NAME by the environment's.
func TestProvisionedRules(t *testing.T) {
	all := rules(t)
	for _, r := range all {
		i := slices.IndexFunc(boards, func(b board) bool { return b.uid() == r.DashboardUID })
		if i < 0 || r.PanelID < 1 || r.PanelID > len(boards[i].panels) {
			t.Errorf("%s leads to panel %d of %q", r.UID, r.PanelID, r.DashboardUID)
		}
		if r.UID == "" || r.Title == "" || r.Condition != "C" || len(r.Data) != 3 || strings.Contains(r.Annotations["summary"], "$") {
			t.Fatalf("%+v", r)
		}
		for n, d := range r.Data {
			if d.RefID != string(rune('A'+n)) || d.Model["refId"] != d.RefID {
				t.Errorf("%s: %d is %s", r.UID, n, d.RefID)
			}
			if n > 0 && (d.DatasourceUID != "__expr__" || d.Model["expression"] != string(rune('A'+n-1))) {
				t.Errorf("%s: %+v", r.UID, d)
			}
		}
		if !slices.ContainsFunc(sources(t), func(s provisionedSource) bool { return s.UID == r.Data[0].DatasourceUID }) {
			t.Errorf("%s asks %s", r.UID, r.Data[0].DatasourceUID)
		}
	}
	if len(all) != 3 {
		t.Errorf("%d rules", len(all))
	}
}
