//go:build real

package api

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// hostile is what an attacker calls an interface.
const hostile = `<img src=x onerror="window.hacked=1">`

// A hostileStore has flows of an interface with that name.
type hostileStore struct{ asked chan string }

func (s hostileStore) Query(_ context.Context, r *query.Request) (*query.Answer, error) {
	s.asked <- r.Filter.String()
	bins := make([]uint64, r.Bins())
	for i := range bins {
		bins[i] = uint64(i * 60)
	}
	g := query.Group{Key: []query.Key{{Text: hostile}}, Values: []uint64{6000}, Bins: [][]uint64{bins}}
	return &query.Answer{
		Groups: []query.Group{g}, Other: query.Group{Values: []uint64{60}, Bins: [][]uint64{bins}}, Others: 3,
		Total: []uint64{6060}, Flows: 12, Notes: []string{hostile},
	}, nil
}

func (hostileStore) Values(context.Context, flow.Field, string, int64, int64, int) ([]string, error) {
	return []string{hostile}, nil
}

// Chromium opens the page: somebody types a question with the keyboard alone, with
// completion, sees the chart, and nothing of what flows say is more than text.
func TestRealPage(t *testing.T) {
	store := hostileStore{make(chan string, 10)}
	d := start(t, func(_ *Config, deps *Deps) {
		deps.Store = store
		deps.Known = func(netip.Addr) Known { return Known{Name: hostile} }
	})
	d.play(t, "pcap/v9/softflowd.pcap")
	b := openBrowser(t)
	b.open(d.URL() + "/")
	b.until(`document.querySelector("#exporters td") !== null`)
	if got := b.eval(`document.querySelector("#exporters td").textContent`); got != "127.0.0.1 ("+hostile+")" {
		t.Errorf("the exporter is %q", got)
	}
	b.until(`/flows\/s/.test(document.getElementById("now").textContent)`)
	if got := b.eval(`getComputedStyle(document.getElementById("token-form")).display`); got != "none" {
		t.Errorf("the field for a token is shown: %v", got)
	}

	for range 10 {
		if b.eval(`document.activeElement.id`) == "question" {
			break
		}
		b.press("Tab")
	}
	b.write("series 3 in_if_na")
	b.until(`document.querySelectorAll("#choices li").length === 1`)
	b.press("ArrowDown")
	b.press("Enter")
	if got := b.eval(`document.getElementById("question").value`); got != "series 3 in_if_name " {
		t.Fatalf("completed is %q", got)
	}
	b.write("by bytes last 10min every 1min where in_if_name = ")
	b.until(`!document.getElementById("choices").hidden`)
	if got := b.eval(`document.querySelector("#choices li").textContent`); got != "'"+hostile+"'" {
		t.Errorf("a value is %q", got)
	}
	b.press("Escape")
	b.write("x and proto tcp")
	b.press("Enter")
	b.until(`document.querySelectorAll("#answer svg polyline").length === 2`)
	if got := <-store.asked; got != "in_if_name = \"x\" and proto tcp" {
		t.Errorf("the filter was %q", got)
	}
	points, _ := b.eval(`document.querySelector("#answer svg polyline").getAttribute("points")`).(string)
	if n := len(strings.Fields(points)); n < 10 || n > 11 { // a minute may have begun
		t.Errorf("the line has %d points: %s", n, points)
	}
	if got := b.eval(`document.querySelector("#answer tbody td").textContent`); got != hostile {
		t.Errorf("the interface is %q", got)
	}
	if got := b.eval(`document.querySelector("#answer").textContent.split("onerror").length`); got != 4.0 { // key, the line's title, note
		t.Errorf("the name is %v times in the answer", got)
	}
	if got := b.eval(`document.images.length + (window.hacked || 0)`); got != 0.0 {
		t.Errorf("%v images or scripts of an interface's name", got)
	}
	if got := b.errors(); len(got) > 0 {
		t.Errorf("the console has %q", got)
	}

	// A mistake is pointed at; its answer is an error of the network.
	b.eval(`document.getElementById("question").select()`)
	b.write("top by bites")
	b.press("Enter")
	b.until(`!document.getElementById("mistake").hidden`)
	if got, _ := b.eval(`document.getElementById("mistake").textContent`).(string); !strings.HasSuffix(got, "top by bites\n       ^^^^^") {
		t.Errorf("the mistake is %q", got)
	}
	for _, e := range b.errors() {
		if !strings.HasPrefix(e, "network: ") {
			t.Errorf("the console has %s", e)
		}
	}

	// On a phone nothing is wider than it; in the dark it is dark.
	light := b.eval(`getComputedStyle(document.body).backgroundColor`)
	b.into(nil, "Emulation.setDeviceMetricsOverride", map[string]any{"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true})
	b.until(`innerWidth === 360 && document.documentElement.scrollWidth <= 360`)
	b.into(nil, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": "dark"}}})
	if dark := b.eval(`getComputedStyle(document.body).backgroundColor`); dark == light {
		t.Errorf("it is %v in the dark, too", dark)
	}
}

// Beyond loopback the page asks for a token, and keeps it for its tab.
func TestRealPageToken(t *testing.T) {
	d := start(t, func(c *Config, _ *Deps) { c.Listen = "0.0.0.0:0" })
	d.play(t, "pcap/v9/softflowd.pcap")
	b := openBrowser(t)
	url := strings.NewReplacer("0.0.0.0", "127.0.0.1", "[::]", "127.0.0.1").Replace(d.URL())
	b.open(url + "/")
	b.until(`!document.getElementById("token-form").hidden`)
	b.eval(`document.getElementById("token").focus()`)
	b.write(d.token)
	b.press("Enter")
	b.until(`document.querySelector("#exporters td") !== null && document.getElementById("token-form").hidden`)
	b.errors()
	b.open(url + "/#top%203%20src")
	b.into(nil, "Page.reload", nil)
	b.until(`/keeps no flows/.test(document.getElementById("mistake")?.textContent)`) // there is no store
	b.until(`document.querySelector("#exporters td") !== null`)
	if got := b.eval(`localStorage.length + document.cookie.length`); got != 0.0 {
		t.Error("the token is kept elsewhere")
	}
	for _, e := range b.errors() {
		if !strings.HasPrefix(e, "network: ") {
			t.Errorf("the console has %s", e)
		}
	}
}
