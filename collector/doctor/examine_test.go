package doctor

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
	"github.com/weirflow/weir/testdata"
)

const (
	second = int64(time.Second)
	start  = 1_700_000_000 * second
)

// healthy is an exporter of IPFIX that does all right.
func healthy() *Patient {
	p := &Patient{Now: start + 100*second, Templates: 2, Options: 1}
	p.Key = pipeline.Key{From: netip.MustParseAddrPort("192.0.2.1:2055"), Exporter: netip.MustParseAddr("192.0.2.1"), Version: 10}
	p.First, p.Last, p.Decoded, p.Announced = start, start+99*second, start+99*second, start+90*second
	p.Refresh = 60 * second
	p.Datagrams, p.Flows, p.Looked = 100, 2000, 400
	p.Skew = second / 2
	p.Sent, p.Received, p.Records = 2000, 2000, 2000
	p.Outputs = []pipeline.OutputLedger{{Name: "file", Written: 2000}}
	return p
}

func TestExamine(t *testing.T) {
	f := func(change func(p *Patient), want string, words ...string) {
		t.Helper()
		p := healthy()
		change(p)
		var got []string
		text := ""
		for _, x := range Examine(p) {
			got = append(got, x.ID+" "+x.Severity.String())
			text += x.Text + ": " + x.Advice + "\n"
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("found %q, want %q", s, want)
		}
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%q lacks %q", text, w)
			}
		}
	}
	f(func(p *Patient) {}, "")

	f(func(p *Patient) { p.Now += 201 * second }, "")
	f(func(p *Patient) { p.Now, p.Moved, p.Missing = p.Now+30*60*second, true, 1000 }, "moved note")
	f(func(p *Patient) { p.Now += 30 * 60 * second }, "silent warning", "for 30 min")

	f(func(p *Patient) {
		p.Early, p.Templates, p.Options, p.Decoded, p.Announced, p.Looked = 500, 0, 0, 0, 0, 0
	},
		"no-template error", "500 octets")
	f(func(p *Patient) { p.Early, p.Recovered, p.Undecoded = 500, 200, 100 }, "undecoded error, data-first note", "100 octets were given up", "200 octets of data came before")
	f(func(p *Patient) { p.Early, p.Recovered = 500, 200 }, "waiting warning, data-first note", "300 octets wait")
	f(func(p *Patient) { p.Version, p.Early = flow.SFlow5, 500 }, "")

	f(func(p *Patient) { p.Refresh = 30 * 60 * second }, "templates-rare warning", "30 min apart")
	f(func(p *Patient) { p.Refresh, p.Over = 30*60*second, template.TCP }, "")
	f(func(p *Patient) { p.Announced, p.First = 0, p.Last-3600*second }, "templates-rare warning", "since its first datagram, 1 h 0 min before")
	f(func(p *Patient) { p.Announced, p.Refresh = p.Last-20*60*second, 0 }, "templates-rare warning", "20 min apart")
	f(func(p *Patient) { p.Version, p.Announced, p.First = 9, 0, p.Last-60*second }, "")

	f(func(p *Patient) { p.Missing, p.Sent = 2, 2002 }, "")
	f(func(p *Patient) { p.Missing, p.Sent = 10, 2010 }, "loss warning", "10 of 2010 data records are missing (0.5 %)", "dropped nothing")
	f(func(p *Patient) { p.Missing, p.Sent, p.Dropped, p.Version = 1000, 3000, 7, 9 }, "loss error", "1000 of 3000 export packets are missing (33 %)", "dropped 7 datagrams", "net.core.rmem_max")

	f(func(p *Patient) { p.Duplicates = 1 }, "duplicates note")
	f(func(p *Patient) { p.Duplicates = 1000 }, "duplicates warning", "1000 data records came more than once")
	f(func(p *Patient) { p.Stray = 2 }, "")
	f(func(p *Patient) { p.Stray = 40 }, "stray warning", "behind NAT")
	f(func(p *Patient) { p.Restarts = 1 }, "restarts note", "anew once")
	f(func(p *Patient) { p.Inclusive = true }, "inclusive note", "§3.1")

	f(func(p *Patient) { p.NoRate = 100 }, "sampling-unknown warning", "rate of 25 % of its flows", "address: 192.0.2.1")
	f(func(p *Patient) { p.NoRate, p.Options = 400, 0 }, "sampling-unknown warning", "rate of 100 %", "no options template")
	f(func(p *Patient) { p.NoRate, p.RateSet = 400, true }, "")
	f(func(p *Patient) { p.Options = 0 }, "no-options note")

	f(func(p *Patient) { p.Samples.Received, p.Samples.Dropped = 1000, 1 }, "")
	f(func(p *Patient) { p.Samples.Received, p.Samples.Dropped = 1000, 20 }, "sample-drops warning", "20 samples, beside the 1000")

	f(func(p *Patient) { p.Longest = 300 * second }, "")
	f(func(p *Patient) { p.Longest = 1800 * second }, "active-timeout warning", "last up to 30 min")
	f(func(p *Patient) { p.Oldest = 1800 * second }, "active-timeout warning", "30 min after they began")

	f(func(p *Patient) { p.Skew = 2 * second }, "")
	f(func(p *Patient) { p.Skew = 3 * second }, "clock-skew warning", "3.0 s behind ours")
	f(func(p *Patient) { p.Skew = -3600 * second }, "clock-skew warning", "1 h 0 min ahead of ours")

	f(func(p *Patient) { p.Ingress, p.Egress = 400, 0 }, "")
	f(func(p *Patient) { p.Ingress, p.Egress = 399, 1 }, "")
	f(func(p *Patient) { p.Ingress, p.Egress = 200, 200 }, "both-directions warning", "50 %", "counted twice")

	f(func(p *Patient) { p.Replaced = 5 }, "times warning", "5 records")
	f(func(p *Patient) { p.Redefined = 5 }, "redefined note", "5 times")
	f(func(p *Patient) {
		p.Faults[decode.ErrShort], p.Faults[decode.ErrNoTemplate], p.Faults[decode.ErrWithdrawal], p.Faults[decode.ErrList] = 3, 9, 1, 2
	}, "fault-short error, fault-list warning, fault-withdrawal note", "3 times: "+decode.ErrShort.Error())
	f(func(p *Patient) { p.Version = 5 }, "old-version note", "NetFlow v5 can't tell of IPv6")
	f(func(p *Patient) { p.Outputs[0].Dropped, p.Outputs[0].Failed, p.Outputs[0].Written = 10, 1, 1989 },
		"output error", "file has lost 11 of its 2000 records")
}

// Each finding that can be repaired has the platform's lines, and all that are
// known where the platform isn't.
func TestRepairs(t *testing.T) {
	p := healthy()
	p.Longest, p.Platform = 1800*second, "junos"
	got := Examine(p)
	if len(got) != 1 || len(got[0].Repairs) != 1 || !strings.Contains(got[0].Repairs[0].Lines[0], "flow-active-timeout 60") {
		t.Errorf("findings are %+v", got)
	}
	p.Platform = ""
	if got := Examine(p); len(got[0].Repairs) != len(repairs[idActiveTimeout]) {
		t.Errorf("%d repairs, want %d", len(got[0].Repairs), len(repairs[idActiveTimeout]))
	}
	p.Version, p.NoRate, p.Longest = 5, 400, 0
	if got := Examine(p); got[0].ID != idSampling || len(got[0].Repairs) > 0 {
		t.Errorf("NetFlow v5 can't announce samplers: %+v", got[0])
	}
	for id, all := range repairs {
		seen := map[string]bool{}
		for _, r := range all {
			if seen[r.Platform] || len(r.Lines) == 0 {
				t.Errorf("%s: repair for %s is there twice, or empty", id, r.Platform)
			}
			seen[r.Platform] = true
		}
	}
	for _, name := range vendors {
		if !slices.Contains(Platforms(), name) {
			t.Errorf("no repairs for %s", name)
		}
	}
	if got := Platform([]uint32{0, 29305, 2636}, true); got != "junos" {
		t.Errorf("platform is %q", got)
	}
	if got := Platform(nil, true); got != "softflowd" {
		t.Errorf("platform is %q", got)
	}
	if got := Platform([]uint32{29305}, false); got != "" {
		t.Errorf("platform is %q", got)
	}
}

// An upset is a capture whose datagrams are changed or left out on the way.
type upset struct {
	*source.Capture
	change func(i int, dg *decode.Datagram) (keep bool)
	n      int
	data   []byte
}

func (u *upset) Read(ctx context.Context, dst []decode.Datagram) (int, error) {
	for {
		m, err := u.Next()
		if err != nil {
			return 0, err
		}
		u.n++
		u.data = append(u.data[:0], m.Data...)
		m.Data = u.data
		if u.change == nil || u.change(u.n, &m.Datagram) {
			dst[0] = m.Datagram
			return 1, nil
		}
	}
}

func (u *upset) Close() error { return nil }

type nowhere struct{}

func (nowhere) Write(context.Context, *flow.Batch) error { return nil }
func (nowhere) Close() error                             { return nil }

// examined runs a capture through a pipeline, and returns what is found about
// each domain in it, all together.
func examined(t *testing.T, path string, change func(i int, dg *decode.Datagram) bool) (ids []string) {
	t.Helper()
	data, err := testdata.FS.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := source.NewCapture(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	store := template.NewStore(template.Limits{})
	p, err := pipeline.New(pipeline.Default(), pipeline.Deps{Store: store, Sources: []pipeline.Source{&upset{Capture: c, change: change}}, Sink: nowhere{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	for _, l := range p.Ledgers() {
		x := Patient{Ledger: l, Now: l.Last}
		for _, s := range store.Sessions() {
			s.Announced(func(domain uint32, tm *template.Template, _ int64) {
				switch {
				case domain != l.Domain:
				case tm.Options:
					x.Options++
				default:
					x.Templates++
				}
			})
		}
		for _, f := range Examine(&x) {
			if !slices.Contains(ids, f.ID) {
				ids = append(ids, f.ID)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// What real exporters do, and what is found when the network or somebody
// interferes.
func TestExamineCaptures(t *testing.T) {
	f := func(path string, change func(i int, dg *decode.Datagram) bool, want ...string) {
		t.Helper()
		got := examined(t, path, change)
		for _, w := range want {
			not := strings.HasPrefix(w, "!")
			if slices.Contains(got, strings.TrimPrefix(w, "!")) == not {
				t.Errorf("%s: found %q, want %q", path, got, want)
			}
		}
	}
	f("pcap/v5/softflowd.pcap", nil, "old-version", "sampling-unknown", "!loss", "!no-template")
	f("pcap/v9/pmacctd-sampled.pcap", nil, "!sampling-unknown", "!loss")
	f("pcap/v9/pmacctd.pcap", nil, "sampling-unknown", "!loss", "!duplicates", "!clock-skew")
	f("pcap/ipfix/softflowd.pcap", nil, "inclusive", "!loss", "!restarts")

	f("pcap/ipfix/pmacctd.pcap", func(_ int, dg *decode.Datagram) bool { dg.Time += 3 * second; return true }, "clock-skew")
	f("pcap/v5/pmacctd-sampled.pcap", nil, "!sampling-unknown")
}
