package api

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// A client is told how far it has come, and the end, good or bad.
func TestErase(t *testing.T) {
	var asked netip.Addr
	fault := error(nil)
	d := start(t, func(_ *Config, deps *Deps) {
		deps.Erase = func(_ context.Context, a netip.Addr, progress func(done, total int64)) (Erased, error) {
			asked = a
			progress(3, 10)
			progress(4, 10) // too soon to be told
			return Erased{Flows: 7, Segments: 2, Rollups: 1}, fault
		}
	})
	c := &Client{URL: d.URL(), Token: d.token}
	a := netip.MustParseAddr("2001:db8::1")
	var told []int64
	x, err := c.Erase(t.Context(), a, func(done, total int64) { told = append(told, done, total) })
	if err != nil || x != (Erased{Flows: 7, Segments: 2, Rollups: 1}) || asked != a {
		t.Errorf("%+v, %v; asked for %v", x, err, asked)
	}
	if len(told) != 2 || told[0] != 3 || told[1] != 10 {
		t.Errorf("told %v", told)
	}
	fault = errors.New("the disk is gone")
	if _, err := c.Erase(t.Context(), a, func(int64, int64) {}); err == nil || err.Error() != fault.Error() {
		t.Errorf("%v", err)
	}
	if _, err := (&Client{URL: d.URL()}).Erase(t.Context(), a, func(int64, int64) {}); err == nil {
		t.Error("no token is needed")
	}
	d = start(t, nil)
	if _, err := (&Client{URL: d.URL(), Token: d.token}).Erase(t.Context(), a, nil); err == nil || !strings.Contains(err.Error(), "keeps nothing") {
		t.Errorf("%v", err)
	}
}
