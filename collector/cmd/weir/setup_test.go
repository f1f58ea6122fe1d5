package main

import (
	"strings"
	"testing"
)

func TestSetupCommand(t *testing.T) {
	out, errs, code := weir(t, nil, "setup", "softflowd", "--collector", "192.0.2.7", "--interface", "ens3")
	if code != exitOK || !strings.HasPrefix(out, "softflowd -i ens3 -n 192.0.2.7:4739 -v 10 ") {
		t.Errorf("exit code %d, %s: %s", code, errs, out)
	}
	if out, _, code := weir(t, nil, "setup"); code != exitOK || strings.Count(out, "\n") != 11 || !strings.Contains(out, "junos") {
		t.Errorf("exit code %d: %s", code, out)
	}
	for args, want := range map[string]string{
		"setup ios":                                 `no platform "ios"`,
		"setup junos --collector router":            `"router" is no address`,
		"setup junos --collector ::1 --sampling -3": "sampling is 1 in -3",
	} {
		if _, errs, code := weir(t, nil, strings.Fields(args)...); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d, %s", args, code, errs)
		}
	}
}
