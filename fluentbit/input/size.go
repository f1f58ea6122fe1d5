package input

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parseSize reads an amount of octets as Fluent Bit writes it: a number and
// perhaps k, m or g, with or without a b, in either case. A k is 1000.
func parseSize(s string) (int, error) {
	digits := strings.TrimRight(s, "kKmMgGbB")
	unit := 1
	switch strings.ToLower(s[len(digits):]) {
	case "", "b":
	case "k", "kb":
		unit = 1e3
	case "m", "mb":
		unit = 1e6
	case "g", "gb":
		unit = 1e9
	default:
		return 0, fmt.Errorf("%q is not a size such as 500k, 64m or 1g", s)
	}
	n, err := strconv.Atoi(strings.TrimSpace(digits))
	if err != nil || n < 0 || n > math.MaxInt/unit {
		return 0, fmt.Errorf("%q is not a size such as 500k, 64m or 1g", s)
	}
	return n * unit, nil
}
