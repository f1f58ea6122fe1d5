package sink

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// expand fills the time t, in UTC, into a file's name, as strftime does:
//
//	%Y year  %m month  %d day  %H hour  %M minute  %S second  %j day of the year
//	%s seconds since 1970  %% a percent sign
func expand(pattern string, t time.Time) (string, error) {
	t = t.UTC()
	var out []byte
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' {
			out = append(out, pattern[i])
			continue
		}
		i++
		if i == len(pattern) {
			return "", fmt.Errorf("path %q ends with %%: write %%%% for a percent sign", pattern)
		}
		switch pattern[i] {
		case 'Y':
			out = t.AppendFormat(out, "2006")
		case 'm':
			out = t.AppendFormat(out, "01")
		case 'd':
			out = t.AppendFormat(out, "02")
		case 'H':
			out = t.AppendFormat(out, "15")
		case 'M':
			out = t.AppendFormat(out, "04")
		case 'S':
			out = t.AppendFormat(out, "05")
		case 'j':
			out = t.AppendFormat(out, "002")
		case 's':
			out = strconv.AppendInt(out, t.Unix(), 10)
		case '%':
			out = append(out, '%')
		default:
			return "", fmt.Errorf("path %q has %%%c: write %%Y %%m %%d %%H %%M %%S %%j or %%s, and %%%% for a percent sign", pattern, pattern[i])
		}
	}
	return string(out), nil
}

// numbered puts n before the suffix of a file's name: flows.jsonl.gz becomes
// flows-2.jsonl.gz. It leaves the name alone for 0.
func numbered(name string, n int) string {
	if n == 0 {
		return name
	}
	dir, base := filepath.Split(name)
	stem, suffix := base, ""
	for _, packed := range []string{".gz", ".zst"} {
		if s, ok := strings.CutSuffix(stem, packed); ok {
			stem, suffix = s, packed
		}
	}
	ext := filepath.Ext(stem)
	if stem != ext { // not a hidden file without a suffix
		stem, suffix = strings.TrimSuffix(stem, ext), ext+suffix
	}
	return dir + stem + "-" + strconv.Itoa(n) + suffix
}
