package plugin

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/client_golang/prometheus"
)

func (h *Hub) testJSON(t *testing.T, uid, jsonData string) *Datasource {
	t.Helper()
	d, err := h.NewDatasource(t.Context(), backend.DataSourceInstanceSettings{UID: uid, JSONData: []byte(jsonData)})
	if err != nil {
		t.Fatal(err)
	}
	return d.(*Datasource)
}

// free returns an address that nobody has.
func free(t *testing.T) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// What the administrator lets the process listen on is there before datasources are,
// which share it, and outlives them.
func TestAdministrator(t *testing.T) {
	h := newTestHub(t)
	h.grace = 0
	at := free(t)
	h.Administer(Admin{Listen: "udp://" + at.String(), WindowMB: "8"})
	sendV5(t, at)

	same := h.testJSON(t, "a", `{"window_mb":16,"listen":"`+at.String()+`"}`)
	waitFlows(t, same, 1)
	none := h.testJSON(t, "b", `{"listen":" "}`)
	waitFlows(t, none, 1)
	if _, got := checkHealth(t, h.testJSON(t, "c", `{}`)); got.Flows != 1 || got.WindowLimit != 8<<20 {
		t.Errorf("%+v", got)
	}
	over := h.testJSON(t, "d", `{"listen":"`+at.String()+`,127.0.0.1:0"}`)
	if s, got := checkHealth(t, over); s != backend.HealthStatusError || !strings.Contains(got.Message, "its administrator lets this Grafana listen on "+at.String()) {
		t.Errorf("%v: %s", s, got.Message)
	}
	// One that goes elsewhere takes nothing along.
	if _, got := checkHealth(t, h.testJSON(t, "a", `{"listen":"127.0.0.1:0"}`)); got.Flows != 0 {
		t.Errorf("%+v", got)
	}
	same.Dispose()
	none.Dispose()
	time.Sleep(50 * time.Millisecond)
	sendV5(t, at)
	waitFlows(t, h.testJSON(t, "e", `{}`), 2)

	r := prometheus.NewPedanticRegistry()
	r.MustRegister(meter{h})
	all, err := r.Gather()
	if err != nil || len(all) != len(measures)+1 {
		t.Errorf("%d metrics, %v", len(all), err)
	}
	for _, x := range all {
		if x.GetName() == "weir_window_flows" && len(x.GetMetric()) != 2 {
			t.Errorf("%d windows", len(x.GetMetric()))
		}
	}
}

// Without a size of the administrator's, the datasources' holds.
func TestAdministratorsWindow(t *testing.T) {
	h := newTestHub(t)
	h.Administer(Admin{Listen: "udp://127.0.0.1:0"})
	if _, got := checkHealth(t, h.testJSON(t, "a", `{"window_mb":16}`)); got.WindowLimit != 16<<20 {
		t.Errorf("%+v", got)
	}
}

// What is wrong is logged; a port that becomes free is taken at the next request,
// whoever's.
func TestAdministratorsMistakes(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	at := c.LocalAddr().(*net.UDPAddr).AddrPort()
	f := func(a Admin, want string) *Hub {
		t.Helper()
		var log bytes.Buffer
		h := NewHub(slog.New(slog.NewTextHandler(&log, nil)))
		t.Cleanup(h.Close)
		h.Administer(a)
		if !strings.Contains(log.String(), want) {
			t.Errorf("%+v logs %s", a, log.String())
		}
		return h
	}
	f(Admin{Listen: "nonsense"}, "GF_PLUGIN_LISTEN: ")
	f(Admin{Listen: "udp://127.0.0.1:0", WindowMB: "much"}, `GF_PLUGIN_WINDOW_MB is \"much\"`)
	f(Admin{Listen: "udp://127.0.0.1:0", WindowMB: "1"}, "window_mb is 1")
	f(Admin{}, "")
	h := f(Admin{Listen: "udp://" + at.String()}, "is taken")
	if s, got := checkHealth(t, h.testJSON(t, "a", `{}`)); s != backend.HealthStatusError || !strings.Contains(got.Message, "is taken") {
		t.Errorf("%v: %s", s, got.Message)
	}
	c.Close()
	checkHealth(t, h.testJSON(t, "c", `{"mode":"collector","url":"http://127.0.0.1:1"}`)) // which nobody answers
	sendV5(t, at)
	waitFlows(t, h.testJSON(t, "b", `{}`), 1)
}
