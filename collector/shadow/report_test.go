package shadow

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/sink"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

func text(t *testing.T, m *Measured) string {
	t.Helper()
	var b strings.Builder
	if err := m.Report(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(text, l) {
			t.Errorf("%q is not in\n%s", l, text)
		}
	}
}

// Each loss that was measured has its line, with its number.
func TestReport(t *testing.T) {
	from := netip.MustParseAddrPort("192.0.2.1:4000")
	l := pipeline.Ledger{
		Key:     pipeline.Key{From: from, Exporter: from.Addr(), Domain: 7, Version: 9},
		Traits:  pipeline.Traits{Datagrams: 990, Flows: 6000, Looked: 100, NoRate: 100, Early: 500, Recovered: 400, Undecoded: 60, Redefined: 2},
		Transit: pipeline.Transit{Sent: 1000, Received: 990, Missing: 10, Duplicates: 5, Late: 3},
	}
	l.Faults[1] = 4
	agent := l
	agent.Exporter, agent.Version, agent.Transit, agent.Traits = netip.MustParseAddr("10.0.0.9"), 5, pipeline.Transit{}, pipeline.Traits{Datagrams: 1}
	m := &Measured{
		For: time.Minute, To: "192.0.2.9:2055",
		Listeners: []source.Stats{{Datagrams: 900, Dropped: 1}, {Datagrams: 91, Denied: 2}},
		Relay:     sink.RelayStats{Sent: 980, Dropped: 11},
		Ledgers:   []pipeline.Ledger{agent, l},
	}
	got := text(t, m)
	has(t, got,
		"after 1m0s, in front of 192.0.2.9:2055",
		"received     991\n", "passed on    980,",
		"left out     1 by this machine's kernel", "left out     2 by the listener's", "left out     11 that we have counted",
		"192.0.2.1:4000, NetFlow v9, domain 7\n", "6000 flows in 990 datagrams, 100.0 flows/s; it says nothing of sampling",
		"of 1000 export packets 10 are missing (1.00 %), 5 came twice, 3 came out of order",
		"60 octets of data whose template never came", "fault        4 × ",
		"10.0.0.9 by way of 192.0.2.1:4000, NetFlow v5", "too little came to tell",
		"400 octets of data, which we decoded", "that 10 are missing, in 1 domain", "that 5 came twice, in 1 domain", "by the 2 that changed", "1 datagrams are gone",
		"whether 192.0.2.9:2055 does these we can't see",
	)
	if strings.Index(got, "192.0.2.1:4000, NetFlow v9") > strings.Index(got, "10.0.0.9 by way") {
		t.Error("the one that sent most is not first")
	}
	if strings.Contains(got, "options") || strings.Contains(got, "  nothing") {
		t.Errorf("tells what was not measured:\n%s", got)
	}

	quiet := text(t, &Measured{For: time.Second, To: "x:1"})
	has(t, quiet, "received     0\n", "nothing      no data came before its template")
}

// A rate counts as told by options only where no data template has it.
func TestOptionRates(t *testing.T) {
	from := netip.MustParseAddrPort("192.0.2.1:4000")
	store := template.NewStore(template.Limits{})
	s := store.Session(from, 9)
	m := &Measured{Sessions: store.Sessions()}
	l := &pipeline.Ledger{Key: pipeline.Key{From: from, Exporter: from.Addr(), Domain: 7, Version: 9}}
	f := func(want string, rates ...uint32) {
		t.Helper()
		if got := sampling(l, m.optionRates(l)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := m.optionRates(l); len(got) != len(rates) {
			t.Errorf("got %v, want %v", got, rates)
		}
	}
	put := func(domain uint32, id uint16, elements ...uint16) {
		x := template.Template{ID: id}
		for _, e := range elements {
			x.Fields = append(x.Fields, template.Field{Element: flow.Element{ID: e}, Len: 4})
		}
		if _, _, err := s.Put(domain, &x); err != nil {
			t.Fatal(err)
		}
	}
	n := uint32(3)
	f("no flow to tell of sampling")
	s.SetRate(8, nil, nil, 50) // another domain's
	l.Looked, l.NoRate = 10, 10
	f("it says nothing of sampling")
	put(7, 256, 8, 12, 1)
	s.SetRate(7, nil, nil, 1)
	f("not sampled, says an option", 1)
	s.SetRate(7, nil, nil, 1000)
	f("sampled 1 in 1000, says an option", 1000)
	put(8, 256, 8, 34)
	f("sampled 1 in 1000, says an option", 1000)
	s.SetRate(7, &n, nil, 100)
	f("sampled at 2 rates from 1 in 100 to 1 in 1000, say options", 100, 1000)
	put(7, 257, 8, 34)
	l.NoRate = 0
	f("its records say how they were sampled")
	l.NoRate = 4
	f("some records say how they were sampled")
	l.From = netip.MustParseAddrPort("192.0.2.2:4000")
	l.NoRate = 10
	f("it says nothing of sampling")
}
