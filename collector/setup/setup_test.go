package setup

import (
	"net/netip"
	"strings"
	"testing"
)

func TestPlatforms(t *testing.T) {
	v := Values{Collector: netip.MustParseAddr("192.0.2.77"), Port: 9995, Interface: "if-7", Source: "src-9", Sampling: 2048}
	for _, p := range Platforms() {
		if p.Title == "" || p.Protocol == "" || p.Port == 0 {
			t.Errorf("%s: %+v", p.Name, p)
		}
		var full, bare strings.Builder
		if err := p.Write(&full, v); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if err := p.Write(&bare, Values{Collector: v.Collector}); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		for _, want := range []string{"192.0.2.77", "9995"} {
			if !strings.Contains(full.String(), want) {
				t.Errorf("%s: no %s in\n%s", p.Name, want, full.String())
			}
		}
		if p.Name != "eos" && !strings.Contains(full.String(), "if-7") {
			t.Errorf("%s: not the interface in\n%s", p.Name, full.String())
		}
		for _, text := range []string{full.String(), bare.String()} {
			if strings.Contains(text, "<no value>") || strings.Contains(text, "{{") || !strings.HasSuffix(text, "\n") {
				t.Errorf("%s:\n%s", p.Name, text)
			}
		}
		if strings.Contains(bare.String(), "2048") {
			t.Errorf("%s samples by itself", p.Name)
		}
	}
	if len(Platforms()) != 11 {
		t.Errorf("%d platforms", len(Platforms()))
	}
	if _, ok := Find("ios"); ok {
		t.Error("there is no platform ios")
	}
}

func TestWriteRefuses(t *testing.T) {
	p, _ := Find("junos")
	for _, v := range []Values{
		{},
		{Collector: netip.MustParseAddr("192.0.2.1"), Sampling: -1},
		{Collector: netip.MustParseAddr("192.0.2.1"), Interface: "xe-0\nrun shell"},
		{Collector: netip.MustParseAddr("192.0.2.1"), Source: "lo0;reboot"},
	} {
		var b strings.Builder
		if err := p.Write(&b, v); err == nil {
			t.Errorf("%+v was taken: %s", v, b.String())
		}
	}
}
