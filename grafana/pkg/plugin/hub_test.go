package plugin

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

func newTestHub(t *testing.T) *Hub {
	h := NewHub(slog.New(slog.DiscardHandler))
	t.Cleanup(h.Close)
	return h
}

func (h *Hub) test(t *testing.T, uid, listen string, mb int) *Datasource {
	t.Helper()
	jsonData, _ := json.Marshal(Settings{Mode: modeDirect, Listen: listen, WindowMB: mb})
	d, err := h.NewDatasource(t.Context(), backend.DataSourceInstanceSettings{UID: uid, JSONData: jsonData})
	if err != nil {
		t.Fatal(err)
	}
	return d.(*Datasource)
}

func checkHealth(t *testing.T, d backend.CheckHealthHandler) (backend.HealthStatus, health) {
	t.Helper()
	r, err := d.CheckHealth(t.Context(), &backend.CheckHealthRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var h health
	if err := json.Unmarshal(r.JSONDetails, &h); err != nil {
		t.Fatal(err)
	}
	if h.Message != r.Message {
		t.Errorf("messages %q and %q", h.Message, r.Message)
	}
	return r.Status, h
}

// sendV5 sends a NetFlow v5 datagram of one flow.
func sendV5(t *testing.T, to netip.AddrPort) {
	t.Helper()
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	d := make([]byte, 24+48)
	d[1], d[3] = 5, 1
	now := time.Now().Unix()
	d[8], d[9], d[10], d[11] = byte(now>>24), byte(now>>16), byte(now>>8), byte(now)
	d[24+23] = 100 // octets
	d[24+19] = 1   // packets
	if _, err := c.Write(d); err != nil {
		t.Fatal(err)
	}
}

func waitFlows(t *testing.T, d backend.CheckHealthHandler, n int) {
	t.Helper()
	for range 1500 {
		if _, h := checkHealth(t, d); h.Flows == n {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	_, h := checkHealth(t, d)
	t.Fatalf("%d flows, not %d", h.Flows, n)
}

// The window survives that settings are saved: the next instance has it, with
// the same addresses or others, and the last one's disposal takes nothing away.
func TestSettingsSaved(t *testing.T) {
	h := newTestHub(t)
	h.grace = 10 * time.Millisecond
	first := h.test(t, "u", "127.0.0.1:0", 8)
	_, at := checkHealth(t, first)
	sendV5(t, at.Listening[0])
	waitFlows(t, first, 1)

	second := h.test(t, "u", "127.0.0.1:0", 16)
	_, at2 := checkHealth(t, second)
	if at2.Listening[0] != at.Listening[0] || at2.WindowLimit != 16<<20 || !at2.Since.Equal(at.Since) {
		t.Errorf("listens on %v with %d octets since %v, before on %v since %v", at2.Listening, at2.WindowLimit, at2.Since, at.Listening, at.Since)
	}
	first.Dispose()
	first.Dispose()
	time.Sleep(50 * time.Millisecond)
	waitFlows(t, second, 1)
	sendV5(t, at.Listening[0])
	waitFlows(t, second, 2)

	third := h.test(t, "u", "127.0.0.1:0,"+at.Listening[0].String(), 16)
	second.Dispose()
	_, at3 := checkHealth(t, third)
	if len(at3.Listening) != 2 || at3.Flows != 2 || !at3.Since.After(at.Since) {
		t.Fatalf("listens on %v with %d flows, complete since %v", at3.Listening, at3.Flows, at3.Since)
	}
	for _, a := range at3.Listening {
		sendV5(t, a)
	}
	waitFlows(t, third, 4)

	third.Dispose()
	for range 100 { // until the port is free
		if c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at.Listening[0])); err == nil {
			c.Close()
			if s, _ := checkHealth(t, third); s != backend.HealthStatusError {
				t.Error("a disposed datasource listens")
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the port is still taken")
}

// A port that another program has is an error that tells what to do; once it is
// free the datasource listens by itself.
func TestPortTaken(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := newTestHub(t)
	d := h.test(t, "u", c.LocalAddr().String(), 8)
	port := c.LocalAddr().(*net.UDPAddr).Port
	s, got := checkHealth(t, d)
	if s != backend.HealthStatusError || !strings.Contains(got.Message, fmt.Sprintf("port %d is taken", port)) || !strings.Contains(got.Message, "choose another port") {
		t.Errorf("%v: %s", s, got.Message)
	}
	r, err := d.QueryData(t.Context(), &backend.QueryDataRequest{Queries: []backend.DataQuery{testQuery(`{}`)}})
	if err != nil || r.Responses["A"].Error == nil || r.Responses["A"].ErrorSource != backend.ErrorSourceDownstream {
		t.Errorf("%v %+v", err, r)
	}
	c.Close()
	if s, got := checkHealth(t, d); s != backend.HealthStatusOk || !strings.Contains(got.Message, "nothing has come yet") {
		t.Errorf("%v: %s", s, got.Message)
	}
}

// Addresses that can't be had leave the datasource with those that it had.
func TestChangeToTakenPort(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := newTestHub(t)
	first := h.test(t, "u", "127.0.0.1:0", 8)
	_, at := checkHealth(t, first)
	sendV5(t, at.Listening[0])
	waitFlows(t, first, 1)
	second := h.test(t, "u", c.LocalAddr().String(), 8)
	if s, got := checkHealth(t, second); s != backend.HealthStatusError {
		t.Errorf("%v: %s", s, got.Message)
	}
	_, at = checkHealth(t, first)
	sendV5(t, at.Listening[0])
	waitFlows(t, first, 2)
	c.Close()
	waitFlows(t, second, 2)
}

// Datasources with the same addresses share a window; with some of them, the
// second is told.
func TestSharing(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	addr := c.LocalAddr().String()
	c.Close()
	h := newTestHub(t)
	a := h.test(t, "a", addr, 8)
	b := h.test(t, "b", "udp://"+addr, 8)
	sendV5(t, netip.MustParseAddrPort(addr))
	waitFlows(t, a, 1)
	waitFlows(t, b, 1)
	over := h.test(t, "c", addr+",127.0.0.1:0", 8)
	if s, got := checkHealth(t, over); s != backend.HealthStatusError || !strings.Contains(got.Message, "another datasource of this Grafana listens on "+addr) {
		t.Errorf("%v: %s", s, got.Message)
	}
	b.Dispose()
	waitFlows(t, a, 1)
}

func TestSettings(t *testing.T) {
	if s, err := ParseSettings(backend.DataSourceInstanceSettings{}); err != nil || s != DefaultSettings() {
		t.Errorf("%+v, %v", s, err)
	}
	bad := func(jsonData, want string) {
		t.Helper()
		if _, err := ParseSettings(backend.DataSourceInstanceSettings{JSONData: []byte(jsonData)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", jsonData, err)
		}
	}
	bad(`{"window_mb":1}`, "window_mb is 1: write a number of MiB from 4 to 65536")
	bad(`{"listen":" "}`, "listen is empty: write at least one address")
	bad(`{"listen":"sctp://:2055"}`, "sctp is not supported")
	bad(`{"listen":"tls://:4740?cert=a&key=b"}`, "tls is for weir run")
	bad(`{"listen":7}`, "settings: ")
	bad(`{"mode":"files"}`, `mode is "files": write direct or collector`)
	bad(`{"mode":"collector","url":"weir:8085"}`, `url is "weir:8085": write one as http://127.0.0.1:8085`)
	bad(`{"mode":"collector","url":"http://user:secret@weir"}`, "url is ")
	s, err := ParseSettings(backend.DataSourceInstanceSettings{
		URL: "https://weir:8085", JSONData: []byte(`{"mode":"collector"}`), DecryptedSecureJSONData: map[string]string{"token": "secret"},
	})
	if err != nil || s.URL != "https://weir:8085" || s.token != "secret" {
		t.Errorf("%+v, %v", s, err)
	}
	h := newTestHub(t)
	if s, got := checkHealth(t, h.test(t, "u", "nonsense", 8)); s != backend.HealthStatusError || !strings.Contains(got.Message, "nonsense") {
		t.Errorf("%v: %s", s, got.Message)
	}
}
