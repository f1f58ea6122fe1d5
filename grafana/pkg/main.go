// Command gpx_weir_flows is the backend of Grafana's datasource weir-flows-datasource.
package main

import (
	"os"
	_ "time/tzdata" // zones of questions, also where the system has none

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"

	"github.com/weirflow/weir/grafana/pkg/plugin"
)

func main() {
	admin := plugin.Admin{Listen: os.Getenv("GF_PLUGIN_LISTEN"), WindowMB: os.Getenv("GF_PLUGIN_WINDOW_MB")}
	if err := datasource.Manage(plugin.ID, plugin.New(admin), datasource.ManageOpts{}); err != nil {
		backend.Logger.Error("plugin ended", "error", err)
		os.Exit(1)
	}
}
