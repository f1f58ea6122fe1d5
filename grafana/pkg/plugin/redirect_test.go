package plugin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// Who answers for a collector can't send the plugin, and what it is let in by, elsewhere.
func TestRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s was asked, with %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}))
	t.Cleanup(elsewhere.Close)
	s := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/latest/meta-data", http.StatusTemporaryRedirect))
	t.Cleanup(s.Close)
	d := asks(t, s.URL, "secret")
	want := s.URL + ` leads to "` + elsewhere.URL + `/latest/meta-data": write the URL of the weir itself`
	if r := respond(t, t.Context(), d, `{"show":"top","by":["src"]}`); r.Error == nil || r.Error.Error() != want || r.Status != backend.StatusBadGateway {
		t.Errorf("a query: %v, status %d", r.Error, r.Status)
	}
	if status, answer := call(t, d, http.MethodGet, "values?field=src_addr", ""); status != http.StatusBadGateway || answer["error"] != want {
		t.Errorf("values: %d %v", status, answer)
	}
	if status, h := checkHealth(t, d); status != backend.HealthStatusError || !strings.Contains(h.Message, want) {
		t.Errorf("health: %v %s", status, h.Message)
	}
}
