package plugin

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/weirflow/weir/shared/flowtest"
)

// Whose data waits for its template is told by exporter and domain, until it comes.
func TestMissingTemplates(t *testing.T) {
	h := newTestHub(t)
	d := h.test(t, "u", "127.0.0.1:0", 8)
	_, at := checkHealth(t, d)
	m := flowtest.New(1)
	send := func(domain uint32, sets ...[]byte) {
		t.Helper()
		c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(at.Listening[0]))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write(flowtest.Packet(10, domain, sets...)); err != nil {
			t.Fatal(err)
		}
	}
	wait := func(ok func(h health) bool) health {
		t.Helper()
		for range 500 {
			if _, h := checkHealth(t, d); ok(h) {
				return h
			}
			time.Sleep(10 * time.Millisecond)
		}
		_, got := checkHealth(t, d)
		t.Fatalf("%+v", got)
		return got
	}
	set := m.Data(260, 3, flowtest.Twenty)
	for domain := uint32(1); domain <= 6; domain++ {
		send(domain, set)
	}
	got := wait(func(h health) bool { return len(h.Templates) == 6 })
	if x := got.Templates[1]; x != (untaught{"127.0.0.1", x.Domain, "IPFIX", uint64(len(set) - 4)}) {
		t.Errorf("%+v", x)
	}
	if !strings.Contains(got.Message, "data waits for its template, of 127.0.0.1 (IPFIX, domain ") || !strings.Contains(got.Message, "and 1 more; complete since") ||
		got.WaitingOctets != uint64(6*(len(set)-4)) {
		t.Errorf("%d octets: %s", got.WaitingOctets, got.Message)
	}
}

// A collector's exporters likewise.
func TestMissingTemplatesOfCollector(t *testing.T) {
	answers := recorded(t)
	m := http.NewServeMux()
	m.HandleFunc("GET /api/v1/exporters", func(w http.ResponseWriter, _ *http.Request) {
		domain := `{"domain":%d,"protocol":"ipfix","state":%q,"last_decoded":%s,"inside":{"waiting_octets":%d,"undecoded_octets":%d}}`
		all := []string{
			fmt.Sprintf(domain, 1, "up", `"2026-11-02T10:00:55Z"`, 0, 7),
			fmt.Sprintf(domain, 2, "up", `"2026-11-02T10:00:56Z"`, 8, 0),
			fmt.Sprintf(domain, 3, "unreadable", "null", 0, 9),
			fmt.Sprintf(domain, 4, "unreadable", "null", 0, 0),
		}
		fmt.Fprintf(w, `{"exporters":[{"address":"192.0.2.7","last_seen":"2026-11-02T10:00:59Z","domains":[%s]}]}`, strings.Join(all, ","))
	})
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { answers.Config.Handler.ServeHTTP(w, r) })
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	status, h := checkHealth(t, asks(t, s.URL, "secret"))
	if status != backend.HealthStatusOk || len(h.Templates) != 2 || h.WaitingOctets != 8 || h.Newest == nil || h.Newest.Second() != 56 ||
		!strings.Contains(h.Message, "data waits for its template, of 192.0.2.7 (ipfix, domain 2), 192.0.2.7 (ipfix, domain 3)") {
		t.Errorf("%v: %+v", status, h)
	}
}
