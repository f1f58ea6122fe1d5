package spl

import (
	"fmt"
	"strings"
)

// A Stanza is a section of a .conf file.
type Stanza struct {
	Name string
	Keys []string          // in the file's order
	Of   map[string]string // by key
}

// ParseConf reads a .conf file. A line that ends in a backslash goes on in the
// next one.
func ParseConf(text string) ([]*Stanza, error) {
	var all []*Stanza
	seen := map[string]bool{}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		for strings.HasSuffix(line, "\\") && i+1 < len(lines) {
			i++
			line = strings.TrimSpace(line[:len(line)-1]) + " " + strings.TrimSpace(lines[i])
		}
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && line[len(line)-1] == ']':
			s := &Stanza{Name: line[1 : len(line)-1], Of: map[string]string{}}
			if seen[s.Name] {
				return nil, fmt.Errorf("line %d: a second stanza [%s]", i+1, s.Name)
			}
			seen[s.Name] = true
			all = append(all, s)
		default:
			k, v, ok := strings.Cut(line, "=")
			k = strings.TrimSpace(k)
			if !ok || len(all) == 0 || k == "" {
				return nil, fmt.Errorf("line %d: neither a stanza nor a key: %q", i+1, line)
			}
			s := all[len(all)-1]
			if _, ok := s.Of[k]; ok {
				return nil, fmt.Errorf("line %d: a second %s in [%s]", i+1, k, s.Name)
			}
			s.Keys = append(s.Keys, k)
			s.Of[k] = strings.TrimSpace(v)
		}
	}
	return all, nil
}

// Find returns the stanza of that name, or nil.
func Find(all []*Stanza, name string) *Stanza {
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	return nil
}
