package modinput

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A universal forwarder sends no more kilobytes a second than [thruput] maxKBps in
// its limits.conf says: 256 unless somebody has set it. Beyond that it stops to
// read, and flows are dropped here.

// eventOctets is about what an event of a flow with 20 fields has in the index.
var eventOctets = map[Format]float64{PSV: 97, KV: 294, JSON: 344}

// maxKBps returns what holds in the Splunk at home; 0 if there is no limit, or home
// is no universal forwarder's.
func maxKBps(home string) int {
	apps := filepath.Join(home, "etc", "apps")
	if _, err := os.Stat(filepath.Join(apps, "SplunkUniversalForwarder")); home == "" || err != nil {
		return 0
	}
	// The first that has the setting wins (limits.conf is a global one).
	files := []string{filepath.Join(home, "etc", "system", "local", "limits.conf")}
	for _, layer := range []string{"local", "default"} {
		found, _ := filepath.Glob(filepath.Join(apps, "*", layer, "limits.conf")) // the pattern is a good one
		slices.Sort(found)
		files = append(files, found...)
	}
	files = append(files, filepath.Join(home, "etc", "system", "default", "limits.conf"))
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if n, ok := thruput(text); ok {
			return n
		}
	}
	return 0
}

// thruput reads [thruput] maxKBps in a limits.conf.
func thruput(text []byte) (n int, ok bool) {
	stanza := ""
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			stanza = strings.Trim(line, "[]")
			continue
		}
		k, v, is := strings.Cut(line, "=")
		if !is || stanza != "thruput" || strings.TrimSpace(k) != "maxKBps" {
			continue
		}
		if x, err := strconv.Atoi(strings.TrimSpace(v)); err == nil && x >= 0 {
			n, ok = x, true
		}
	}
	return n, ok
}

// tooFast warns where so many events in a time are more than the forwarder sends.
func (r *reporter) tooFast(events uint64, d time.Duration) {
	if r.limit == 0 || d <= 0 || r.cfg.Output == HEC {
		return
	}
	rate := float64(events) / d.Seconds()
	if kb := rate * eventOctets[r.cfg.Format] / 1024; kb > 0.9*float64(r.limit) {
		r.log.Warn("events come about as fast as this forwarder sends them, or faster: set maxKBps = 0 under [thruput] in its limits.conf, or output = hec",
			"events_per_second", int(rate), "kilobytes_per_second", int(kb), "maxKBps", r.limit)
	}
}
