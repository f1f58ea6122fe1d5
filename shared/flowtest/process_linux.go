package flowtest

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// What benchmarks that measure a whole process have in common.

// Figure prints what was measured as a line that names its goal:
//
//	figure<TAB>name<TAB>value<TAB>unit<TAB>goal<TAB>met|missed
func Figure(name string, value float64, unit, goal string, met bool) {
	verdict := "missed"
	if met {
		verdict = "met"
	}
	fmt.Printf("figure\t%s\t%.6g\t%s\t%s\t%s\n", name, value, unit, goal, verdict)
}

// Await reads lines until one matches, and returns its parts. An error has all that
// came instead.
func Await(lines *bufio.Reader, what *regexp.Regexp) ([]string, error) {
	var all strings.Builder
	for {
		line, err := lines.ReadString('\n')
		all.WriteString(line)
		if m := what.FindStringSubmatch(line); m != nil {
			return m, nil
		}
		if err != nil {
			return nil, fmt.Errorf("no %s: %w\n%s", what, err, &all)
		}
	}
}

// Memory returns the octets that /proc/PID/status has for a key: VmRSS now, VmHWM
// the most so far.
func Memory(pid int, key string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), key+":")
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0, fmt.Errorf("/proc/%d/status has no %s", pid, key)
	}
	n, err := strconv.ParseInt(words[0], 10, 64)
	return n << 10, err
}
