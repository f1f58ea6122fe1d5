package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/engine"
)

// health is what "Save & test" shows and programs read.
type health struct {
	Message        string            `json:"message"`
	VerboseMessage string            `json:"verboseMessage"`
	URL            string            `json:"url,omitempty"` // of the collector
	Listening      []netip.AddrPort  `json:"listening,omitempty"`
	Flows          int               `json:"flows"`     // in the window; of a collector, in the last hour
	Exporters      int               `json:"exporters"` // of those flows; of a collector, all
	Newest         *time.Time        `json:"newest,omitempty"`
	Since          time.Time         `json:"since,omitzero"` // the window is complete since then
	WindowBytes    int64             `json:"windowBytes,omitempty"`
	WindowLimit    int64             `json:"windowLimit,omitempty"`
	Datagrams      uint64            `json:"datagrams"` // since listening began, as all that follows
	Decoded        uint64            `json:"decoded"`   // flows
	Lost           uint64            `json:"lost"`      // flows that the queue had no room for
	WaitingOctets  uint64            `json:"waitingOctets"`
	Templates      []untaught        `json:"missingTemplates,omitempty"`
	Faults         map[string]uint64 `json:"faults,omitempty"` // datagrams and sets that were not understood
}

// An untaught is an exporter's domain whose data can't be read: its template has not
// come.
type untaught struct {
	Exporter      string `json:"exporter"`
	Domain        uint32 `json:"domain"`
	Protocol      string `json:"protocol"`
	WaitingOctets uint64 `json:"waitingOctets"` // of what may still be read once it comes
}

// mostUntaught is how many a message names.
const mostUntaught = 5

// teach tells of those whose templates are missing.
func (h *health) teach() {
	if len(h.Templates) == 0 {
		return
	}
	var all []string
	for _, x := range h.Templates[:min(mostUntaught, len(h.Templates))] {
		all = append(all, fmt.Sprintf("%s (%s, domain %d)", x.Exporter, x.Protocol, x.Domain))
	}
	h.Message += "; data waits for its template, of " + strings.Join(all, ", ")
	if more := len(h.Templates) - len(all); more > 0 {
		h.Message += fmt.Sprintf(" and %d more", more)
	}
}

// untaughtOf returns the domains of r whose data waits, or was given up before anything
// could be read.
func untaughtOf(r *config.Running) (all []untaught) {
	for _, l := range r.Pipeline().Ledgers() {
		octets := l.Early - min(l.Early, l.Recovered+l.Undecoded)
		if l.Exporter.IsValid() && (octets > 0 || l.Decoded == 0 && l.Early > 0) {
			all = append(all, untaught{l.Exporter.Unmap().String(), l.Domain, l.Protocol(), octets})
		}
	}
	return all
}

// CheckHealth says whether d listens and what it has heard, or whether its collector
// answers and what that has heard.
func (d *Datasource) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	s, err := d.origin()
	if err != nil {
		h := health{Message: err.Error(), VerboseMessage: "the plugin listens for NetFlow, IPFIX and sFlow itself, on the addresses in the datasource's settings, or asks a collector"}
		return h.result(backend.HealthStatusError)
	}
	h, err := s.health(ctx)
	if err != nil {
		h.Message = err.Error()
		if d.weir != nil {
			h.VerboseMessage = remedy(err)
		}
		return h.result(backend.HealthStatusError)
	}
	return h.result(backend.HealthStatusOk)
}

// remedy is what to do about a collector that doesn't tell how it is.
func remedy(err error) string {
	var p *problem
	switch {
	case !errors.As(err, &p):
		return "let weir run there, and its API listen where Grafana's server reaches it (api.listen in weir's configuration): 127.0.0.1 is that server itself, or its container"
	case p.status == http.StatusUnauthorized || p.status == http.StatusForbidden:
		return "make a token of role viewer for Grafana at the collector (api.tokens in weir's configuration), and write it into these settings"
	}
	return "write the URL of a weir's API, as " + DefaultSettings().URL
}

func (h health) result(status backend.HealthStatus) (*backend.CheckHealthResult, error) {
	details, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	return &backend.CheckHealthResult{Status: status, Message: h.Message, JSONDetails: details}, nil
}

func (e *ear) health(ctx context.Context) (health, error) {
	v, r := e.window.View(), e.now()
	s := r.Stats()
	h := health{
		Listening: r.Addrs(), Flows: v.Rows, Since: v.Since, WindowBytes: v.Size, WindowLimit: v.Limit,
		Datagrams: s.Datagrams, Decoded: s.Flows, Lost: s.Dropped, WaitingOctets: waiting(&s), Templates: untaughtOf(r), Faults: map[string]uint64{},
	}
	for f, n := range s.Faults {
		if n > 0 {
			h.Faults[decode.Fault(f).Label()] = n
		}
	}
	a, err := engine.Run(ctx, v, &query.Request{
		From: -1 << 61, To: 1 << 62, Limit: 1, Metrics: []query.Metric{{Of: query.Records}}, By: []query.Dim{{Of: query.ColumnOf(flow.FieldExporter)}},
	})
	if err != nil {
		return h, err
	}
	h.Exporters = len(a.Groups) + a.Others

	var on []string
	for _, a := range h.Listening {
		on = append(on, a.String())
	}
	h.Message = "listening on " + strings.Join(on, ", ")
	switch {
	case !v.Newest.IsZero():
		h.Newest = &v.Newest
		h.Message += fmt.Sprintf("; flows in the window: %d, the newest came %s ago; exporters: %d", h.Flows, time.Since(v.Newest).Round(time.Second), h.Exporters)
	case s.Datagrams == 0:
		h.Message += "; nothing has come yet: point exporters here, and let UDP through"
	default:
		h.Message += fmt.Sprintf("; %d datagrams have come, but no flows yet", s.Datagrams)
	}
	h.teach()
	h.VerboseMessage = fmt.Sprintf("complete since %s; %d of %d MiB used; %d flows lost in the queue",
		v.Since.Format(time.RFC3339), v.Size>>20, v.Limit>>20, s.Dropped)
	h.Message += "; complete since " + v.Since.Format(time.RFC3339)
	return h, nil
}
