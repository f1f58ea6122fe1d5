package flow

import (
	"strconv"
	"strings"
)

// ParseMAC reads 00:00:5e:00:53:01, 00-00-5e-00-53-01 and 0000.5e00.5301.
func ParseMAC(s string) (MAC, bool) {
	sign, each := ":", 2
	switch {
	case strings.Contains(s, "-"):
		sign = "-"
	case strings.Contains(s, "."):
		sign, each = ".", 4
	}
	parts := strings.Split(s, sign)
	for _, p := range parts {
		if len(p) != each {
			return 0, false
		}
	}
	x, err := strconv.ParseUint(strings.Join(parts, ""), 16, 64)
	return MAC(x), err == nil && len(parts)*each == 12
}

// ParseApp reads engine:selector, as 3:53: an application as AppID has it (RFC 6759 §4).
func ParseApp(s string) (uint64, bool) {
	engine, selector, ok := strings.Cut(s, ":")
	e, err := strconv.ParseUint(engine, 10, 8)
	x, err2 := strconv.ParseUint(selector, 10, 56)
	return e<<56 | x, ok && err == nil && err2 == nil
}
