package modinput

import (
	"strings"
	"testing"
	"time"
)

func TestSettings(t *testing.T) {
	var l Layout
	c := DefaultStitch()
	set := func(name, value, want string) {
		t.Helper()
		var err error
		switch name {
		case "format":
			l.Format, err = ParseFormat(value)
		case "columns":
			err = l.ParseColumns(value)
		case "bytes_out":
			err = l.ParseBytesOut(value)
		default:
			if err = c.Set(name, value); err == nil {
				err = c.Validate()
			}
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s = %s: %v, want %q", name, value, err, want)
		}
	}
	set("format", "kv", "")
	set("columns", "all", "")
	set("bytes_out", "received", "")
	if l != (Layout{KV, true, true}) {
		t.Errorf("%+v", l)
	}
	set("format", "psv", "")
	set("columns", "tight", "")
	set("bytes_out", "sent", "")
	if l != (Layout{}) {
		t.Errorf("%+v", l)
	}
	set("format", "PSV", "psv, kv or json")
	set("columns", "some", "tight or all")
	set("bytes_out", "in", "sent or received")

	set("stitch", "no", "")
	set("stitch_timeout", "500ms", "")
	set("stitch_flows", "5000", "")
	if c != (StitchConfig{false, 500 * time.Millisecond, 5000}) {
		t.Errorf("%+v", c)
	}
	set("stitch", "True", "")
	set("stitch_timeout", "15", "")
	set("stitch_flows", "100000", "")
	if c != DefaultStitch() {
		t.Errorf("%+v", c)
	}
	set("stitch", "maybe", "true or false")
	set("stitch_timeout", "soon", "15s")
	set("stitch_timeout", "0", "100ms")
	set("stitch_timeout", "1s", "")
	set("stitch_flows", "many", "number")
	set("stitch_flows", "0", "1 to")
}
