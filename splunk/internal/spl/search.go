package spl

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// internal are the fields that every event has.
var internal = []string{"_time", "_raw", "host", "source", "sourcetype", "index", "tag", "eventtype"}

// Expand replaces the macros of a search by their definitions.
func (a *Addon) Expand(search string) (string, error) {
	for range 32 {
		from := strings.IndexByte(search, '`')
		if from < 0 {
			return search, nil
		}
		n := strings.IndexByte(search[from+1:], '`')
		if n < 0 {
			return "", fmt.Errorf("a macro without end in %q", search)
		}
		call := search[from+1 : from+1+n]
		name, rest, ok := strings.Cut(call, "(")
		var args []string
		if ok {
			for x := range strings.SplitSeq(strings.TrimSuffix(rest, ")"), ",") {
				args = append(args, strings.Trim(strings.TrimSpace(x), `"`))
			}
			name = fmt.Sprintf("%s(%d)", name, len(args))
		}
		m := Find(a.Macros, name)
		if m == nil {
			return "", fmt.Errorf("macros.conf has no [%s]", name)
		}
		text := m.Of["definition"]
		for i, x := range args {
			names := strings.Split(m.Of["args"], ",")
			if i >= len(names) {
				return "", fmt.Errorf("[%s] has too few args", name)
			}
			text = strings.ReplaceAll(text, "$"+strings.TrimSpace(names[i])+"$", x)
		}
		search = search[:from] + text + search[from+n+2:]
	}
	return "", fmt.Errorf("macros in macros, without end: %q", search)
}

// split cuts text at each of by that is outside of quotes and brackets.
func split(text, by string) []string {
	var all []string
	depth, quoted, from := 0, false, 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' && (i == 0 || text[i-1] != '\\'):
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case depth == 0 && strings.IndexByte(by, c) >= 0:
			all = append(all, strings.TrimSpace(text[from:i]))
			from = i + 1
		}
	}
	return append(all, strings.TrimSpace(text[from:]))
}

// words are the parts of a command: with quotes and brackets kept together.
func words(text string) []string {
	return slices.DeleteFunc(split(text, ", "), func(s string) bool { return s == "" })
}

// A Command is a step of a search.
type Command struct{ Name, Args string }

// Commands takes a search apart; macros have been expanded.
func Commands(search string) []Command {
	var all []Command
	for i, text := range split(search, "|") {
		if i == 0 {
			all = append(all, Command{"search", strings.TrimPrefix(text, "search ")})
			continue
		}
		name, args, _ := strings.Cut(text, " ")
		all = append(all, Command{name, strings.TrimSpace(args)})
	}
	return all
}

// Assignments returns the fields that an eval assigns, and their expressions,
// in their order.
func Assignments(args string) (names []string, exprs []*Expr, err error) {
	for _, x := range split(args, ",") {
		name, text, ok := strings.Cut(x, "=")
		if !ok {
			return nil, nil, fmt.Errorf("eval %s", x)
		}
		e, err := ParseExpr(text)
		if err != nil {
			return nil, nil, err
		}
		names, exprs = append(names, strings.Trim(strings.TrimSpace(name), `"'`)), append(exprs, e)
	}
	return names, exprs, nil
}

var (
	comparison = regexp.MustCompile(`([A-Za-z_][\w.{}]*)\s*(?:!=|=|<|>|\bIN\b)`)
	strings1   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	option     = regexp.MustCompile(`^(span|limit|useother|usenull|cont|output_format|delim|bins|minspan|otherfield|allnum|current|global|window)=\S+$`)
	aggregate  = regexp.MustCompile(`^(count|sum|avg|max|min|dc|values|latest|earliest|range|per_second|first|last|list|perc\d+)(?:\((.*)\))?$`)
)

// Check returns the fields that a search wants and that neither the events that
// it finds have, of which has tells, nor its own commands make.
func (a *Addon) Check(search string, has []string) ([]string, error) {
	text, err := a.Expand(search)
	if err != nil {
		return nil, err
	}
	known, unknown := map[string]bool{}, map[string]bool{}
	for _, f := range slices.Concat(has, internal) {
		known[f] = true
	}
	want := func(f string) {
		if f = strings.Trim(f, `"'`); !known[f] {
			unknown[f] = true
		}
	}
	for _, c := range Commands(text) {
		if err := check(c, known, want); err != nil {
			return nil, fmt.Errorf("%s %s: %w", c.Name, c.Args, err)
		}
	}
	return slices.Sorted(maps.Keys(unknown)), nil
}

func check(c Command, known map[string]bool, want func(string)) error {
	keepOnly := func(names []string) {
		clear(known)
		for _, n := range names {
			known[strings.Trim(n, `"`)] = true
		}
	}
	switch c.Name {
	case "search":
		for _, m := range comparison.FindAllStringSubmatch(strings1.ReplaceAllString(c.Args, "X"), -1) {
			want(m[1])
		}
	case "where":
		e, err := ParseExpr(c.Args)
		if err != nil {
			return err
		}
		e.Fields(want)
	case "eval":
		names, exprs, err := Assignments(c.Args)
		if err != nil {
			return err
		}
		for i, e := range exprs {
			e.Fields(want)
			known[names[i]] = true
		}
	case "stats", "eventstats", "streamstats", "timechart", "chart":
		out, err := aggregates(c.Args, want)
		if err != nil {
			return err
		}
		switch c.Name {
		case "timechart":
			keepOnly(append(out, "_time"))
		case "eventstats", "streamstats":
			for _, f := range out {
				known[strings.Trim(f, `"`)] = true
			}
		default:
			keepOnly(out)
		}
	case "table", "fields":
		names := words(c.Args)
		if len(names) > 0 && names[0] == "-" {
			for _, n := range names[1:] {
				if before, ok := strings.CutSuffix(n, "*"); ok {
					maps.DeleteFunc(known, func(f string, _ bool) bool { return strings.HasPrefix(f, before) })
					continue
				}
				if n != "_raw" {
					want(n)
				}
				delete(known, n)
			}
			return nil
		}
		for _, n := range names {
			if n != "*" {
				want(n)
			}
		}
		if c.Name == "table" || !slices.Contains(names, "*") {
			keepOnly(append(names, "_time"))
		}
	case "sort":
		for i, w := range words(c.Args) {
			if w = strings.TrimLeft(w, "+-"); w == "" || i == 0 && regexp.MustCompile(`^\d+$`).MatchString(w) {
				continue
			}
			want(w)
		}
	case "rename":
		w := words(c.Args)
		for i := 0; i+2 < len(w); i += 3 {
			if !strings.EqualFold(w[i+1], "AS") {
				return fmt.Errorf("no AS")
			}
			want(w[i])
			delete(known, w[i])
			known[strings.Trim(w[i+2], `"`)] = true
		}
	case "mvexpand", "dedup":
		for _, w := range words(c.Args) {
			want(w)
		}
	case "fillnull":
		for _, w := range words(c.Args) {
			if !strings.HasPrefix(w, "value=") {
				known[w] = true
			}
		}
	case "head":
	case "addinfo":
		known["info_min_time"], known["info_max_time"] = true, true
	default:
		return fmt.Errorf("the command is not known")
	}
	return nil
}

// aggregates reads the arguments of stats and its like, and returns the fields
// that are left.
func aggregates(args string, want func(string)) ([]string, error) {
	var out []string
	w := words(args)
	by := false
	for i := 0; i < len(w); i++ {
		if option.MatchString(w[i]) {
			continue
		}
		if strings.EqualFold(w[i], "BY") || strings.EqualFold(w[i], "OVER") {
			by = true
			continue
		}
		if by {
			want(w[i])
			out = append(out, w[i])
			continue
		}
		m := aggregate.FindStringSubmatch(w[i])
		if m == nil {
			return nil, fmt.Errorf("%q is no function that is known", w[i])
		}
		switch inner, ok := strings.CutPrefix(m[2], "eval("); {
		case ok:
			e, err := ParseExpr(strings.TrimSuffix(inner, ")"))
			if err != nil {
				return nil, err
			}
			e.Fields(want)
		case m[2] != "":
			want(m[2])
		}
		name := w[i]
		if i+2 < len(w) && strings.EqualFold(w[i+1], "AS") {
			name = w[i+2]
			i += 2
		}
		out = append(out, name)
	}
	return out, nil
}

// Run sends events, in the order of their times, through the commands of a search
// that can be run here: eval, where, mvexpand, fields, and addinfo, of a search over
// all time unless an event says otherwise.
func (a *Addon) Run(search string, events []Event) ([]Event, error) {
	text, err := a.Expand(search)
	if err != nil {
		return nil, err
	}
	for _, part := range split(text, "|") {
		name, args, _ := strings.Cut(part, " ")
		var next []Event
		switch name {
		case "eval":
			names, exprs, err := Assignments(args)
			if err != nil {
				return nil, err
			}
			for _, ev := range events {
				ev = maps.Clone(ev)
				for i, e := range exprs { // one sees those before it
					if v := e.Eval(ev); v != nil {
						ev[names[i]] = v
					} else {
						delete(ev, names[i])
					}
				}
				next = append(next, ev)
			}
		case "where":
			e, err := ParseExpr(args)
			if err != nil {
				return nil, err
			}
			for _, ev := range events {
				if e.Eval(ev) == true {
					next = append(next, ev)
				}
			}
		case "addinfo":
			for _, ev := range events {
				ev = maps.Clone(ev)
				if ev["info_min_time"] == nil {
					ev["info_min_time"] = "0.000"
				}
				next = append(next, ev)
			}
		case "mvexpand":
			for _, ev := range events {
				if ev[args] == nil {
					next = append(next, ev)
				}
				for _, v := range Values(ev[args]) {
					one := maps.Clone(ev)
					one[args] = v
					next = append(next, one)
				}
			}
		case "fields":
			for _, ev := range events {
				ev = maps.Clone(ev)
				for _, f := range words(strings.TrimPrefix(args, "- ")) {
					before, some := strings.CutSuffix(f, "*")
					maps.DeleteFunc(ev, func(k string, _ any) bool { return k == f || some && strings.HasPrefix(k, before) })
				}
				next = append(next, ev)
			}
		default:
			return nil, fmt.Errorf("%s can't be run here", name)
		}
		events = next
	}
	return events, nil
}
