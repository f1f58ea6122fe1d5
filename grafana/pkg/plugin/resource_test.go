package plugin

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// call asks d for a resource, which is JSON.
func call(t *testing.T, d *Datasource, method, path, body string) (status int, answer map[string]any) {
	t.Helper()
	path, _, _ = strings.Cut(path, "#")
	name, _, _ := strings.Cut(path, "?")
	req := &backend.CallResourceRequest{Method: method, Path: name, URL: path, Body: []byte(body)}
	err := d.CallResource(t.Context(), req, backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
		status = r.Status
		return json.Unmarshal(r.Body, &answer)
	}))
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

func TestResources(t *testing.T) {
	direct := newTestHub(t).test(t, "u", "127.0.0.1:0", 8)
	_, at := checkHealth(t, direct)
	sendV5(t, at.Listening[0])
	waitFlows(t, direct, 1)
	weir := asks(t, recorded(t).URL, "secret")
	f := func(d *Datasource, method, path, body string, status int, want string) {
		t.Helper()
		got, answer := call(t, d, method, path, body)
		if text := fmt.Sprint(answer); got != status || !strings.Contains(text, want) {
			t.Errorf("%s %s: %d %s", method, path, got, text)
		}
	}
	day := fmt.Sprintf("from=%d&to=%d", time.Now().Add(-24*time.Hour).UnixMilli(), time.Now().Add(time.Hour).UnixMilli())
	for _, d := range []*Datasource{direct, weir} {
		f(d, "GET", "fields", "", 200, "name:src port")
		f(d, "GET", "values?field=proto&prefix=ud", "", 200, "values:[udp udplite]")
		f(d, "GET", "values?field=duration", "", 400, `field is "duration", which is no column`)
		f(d, "GET", "values?field=proto&limit=0", "", 400, "limit is \"0\": write a number from 1 to 1000")
		f(d, "GET", "values?field=proto&from=x", "", 400, "write milliseconds since 1970")
		f(d, "GET", "exporters?from=2&to=1", "", 400, "the time range ends before it begins")
		f(d, "POST", "validate", `{"show":"top","by":["src"],"where":"port 80"}`, 200, "question:top 10 src ip by bytes from ")
		f(d, "POST", "validate", `{"show":"top","where":"prot 80"}`, 200, "caret:prot 80\n^^^^ column:1 error:")
		f(d, "POST", "validate", `{"filter":"prot 80"}`, 200, "field:filter line:1 valid:false")
		f(d, "POST", "validate", `{"type":"pie"}`, 200, `type "pie" is not known`)
	}
	f(direct, "GET", "values?field=exporter&"+day, "", 200, "values:[127.0.0.1]")
	f(direct, "GET", "exporters?"+day, "", 200, "exporters:[map[address:127.0.0.1]]")
	f(direct, "GET", "exporters?from=1&to=2", "", 200, "exporters:[]")
	f(weir, "GET", "exporters", "", 200, "address:127.0.0.10 lastSeen:2026-11-02T10:00:")
}
