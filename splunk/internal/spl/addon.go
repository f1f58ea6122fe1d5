package spl

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// An Addon is what a search head makes of events by an add-on.
type Addon struct {
	Props, Transforms, Macros, Eventtypes, Tags []*Stanza

	tables map[string]*table // by the name of their stanza in transforms.conf
	types  map[string]*sourcetype
}

// A sourcetype is a stanza of props.conf, read.
type sourcetype struct {
	kvMode  string
	reports []*Stanza
	evals   map[string]*Expr
	lookups []*lookup
}

// A table is a CSV file.
type table struct {
	columns []string
	all     [][]string
}

// A lookup is a LOOKUP line: what fields of the event are looked up in which
// columns, and which columns then give which fields.
type lookup struct {
	class          string
	table          string
	in, out        [][2]string // column, field
	new            bool        // OUTPUTNEW
	rows           map[string][][]string
	outColumnIndex []int
}

// Load reads an add-on's default folder and its lookups.
func Load(files fs.FS) (*Addon, error) {
	a := &Addon{tables: map[string]*table{}, types: map[string]*sourcetype{}}
	for name, to := range map[string]*[]*Stanza{
		"props": &a.Props, "transforms": &a.Transforms, "macros": &a.Macros, "eventtypes": &a.Eventtypes, "tags": &a.Tags,
	} {
		text, err := fs.ReadFile(files, "default/"+name+".conf")
		if err != nil {
			return nil, err
		}
		if *to, err = ParseConf(string(text)); err != nil {
			return nil, fmt.Errorf("%s.conf: %w", name, err)
		}
	}
	for _, s := range a.Transforms {
		if s.Of["filename"] == "" {
			continue
		}
		t, err := readTable(files, "lookups/"+s.Of["filename"])
		if err != nil {
			return nil, err
		}
		a.tables[s.Name] = t
	}
	for _, s := range a.Props {
		if err := a.sourcetype(s); err != nil {
			return nil, fmt.Errorf("props.conf: [%s]: %w", s.Name, err)
		}
	}
	return a, nil
}

func readTable(files fs.FS, name string) (*table, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(all) < 2 {
		return nil, fmt.Errorf("%s is empty", name)
	}
	return &table{columns: all[0], all: all[1:]}, nil
}

func (a *Addon) sourcetype(s *Stanza) error {
	t := &sourcetype{kvMode: s.Of["KV_MODE"], evals: map[string]*Expr{}}
	for _, k := range s.Keys {
		kind, name, ok := strings.Cut(k, "-")
		switch {
		case !ok:
		case kind == "TRANSFORMS" || k == "METRIC-SCHEMA-TRANSFORMS": // where events are indexed
			for r := range strings.SplitSeq(s.Of[k], ",") {
				if Find(a.Transforms, strings.TrimSpace(r)) == nil {
					return fmt.Errorf("%s names %s, which transforms.conf hasn't", k, r)
				}
			}
		case kind == "REPORT":
			for r := range strings.SplitSeq(s.Of[k], ",") {
				x := Find(a.Transforms, strings.TrimSpace(r))
				if x == nil {
					return fmt.Errorf("%s names %s, which transforms.conf hasn't", k, r)
				}
				t.reports = append(t.reports, x)
			}
		case kind == "EVAL":
			e, err := ParseExpr(s.Of[k])
			if err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
			t.evals[name] = e
		case kind == "LOOKUP":
			l, err := a.lookup(name, s.Of[k])
			if err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
			t.lookups = append(t.lookups, l)
		default:
			return fmt.Errorf("%s is not known", k)
		}
	}
	slices.SortFunc(t.lookups, func(x, y *lookup) int { return strings.Compare(x.class, y.class) })
	a.types[s.Name] = t
	return nil
}

// lookup reads "TABLE column AS field … OUTPUT[NEW] column AS field …".
func (a *Addon) lookup(class, line string) (*lookup, error) {
	words := strings.Fields(strings.ReplaceAll(line, ",", " "))
	if len(words) == 0 || a.tables[words[0]] == nil {
		return nil, fmt.Errorf("no table in %q", line)
	}
	l := &lookup{class: class, table: words[0]}
	t := a.tables[l.table]
	to, outputs := &l.in, false
	for i := 1; i < len(words); i++ {
		if w := words[i]; w == "OUTPUT" || w == "OUTPUTNEW" {
			to, outputs, l.new = &l.out, true, w == "OUTPUTNEW"
			continue
		}
		pair := [2]string{words[i], words[i]}
		if i+2 < len(words) && strings.EqualFold(words[i+1], "AS") {
			pair[1] = words[i+2]
			i += 2
		}
		if !slices.Contains(t.columns, pair[0]) {
			return nil, fmt.Errorf("table %s has no column %s", l.table, pair[0])
		}
		*to = append(*to, pair)
	}
	if l.new && len(l.out) > 1 {
		return nil, fmt.Errorf("OUTPUTNEW of several fields is done where some are there, or not, by Splunk's version: %q", line)
	}
	if !outputs || l.in == nil || l.out == nil {
		return nil, fmt.Errorf("%q says not what it looks up, or what it gives", line)
	}
	l.rows = map[string][][]string{}
	for _, row := range t.all {
		var key []string
		for _, in := range l.in {
			key = append(key, row[slices.Index(t.columns, in[0])])
		}
		k := strings.Join(key, "\x00")
		l.rows[k] = append(l.rows[k], row)
	}
	for _, out := range l.out {
		l.outColumnIndex = append(l.outColumnIndex, slices.Index(t.columns, out[0]))
	}
	return l, nil
}

func (l *lookup) apply(ev Event) {
	var key []string
	for _, in := range l.in {
		s, ok := Text(ev[in[1]])
		if !ok {
			return
		}
		key = append(key, s)
	}
	rows := l.rows[strings.Join(key, "\x00")]
	for i, out := range l.out {
		if l.new && ev[out[1]] != nil {
			continue
		}
		delete(ev, out[1]) // no match clears it
		var values []string
		for _, r := range rows {
			if v := r[l.outColumnIndex[i]]; v != "" {
				values = append(values, v)
			}
		}
		if v := several(values); v != nil {
			ev[out[1]] = v
		}
	}
}

// Fields returns the names of the fields that the add-on gives to events of a
// source type, beside those that KV_MODE finds in them.
func (a *Addon) Fields(sourcetype string) []string {
	names := map[string]bool{}
	t := a.types[sourcetype]
	if t == nil {
		return nil
	}
	for _, r := range t.reports {
		for _, f := range fieldNames(r) {
			names[f] = true
		}
	}
	for f := range t.evals {
		names[f] = true
	}
	for _, l := range t.lookups {
		for _, out := range l.out {
			names[out[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Wanted returns the names of the fields that the EVALs and LOOKUPs of a source
// type read.
func (a *Addon) Wanted(sourcetype string) []string {
	names := map[string]bool{}
	for _, e := range a.types[sourcetype].evals {
		e.Fields(func(f string) { names[f] = true })
	}
	for _, l := range a.types[sourcetype].lookups {
		for _, in := range l.in {
			names[in[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func fieldNames(report *Stanza) []string {
	var names []string
	for f := range strings.SplitSeq(report.Of["FIELDS"], ",") {
		names = append(names, strings.Trim(strings.TrimSpace(f), `"`))
	}
	return names
}

var pairs = regexp.MustCompile(`([A-Za-z_][\w.]*)=("(?:[^"\\]|\\.)*"|[^\s,]*)`)

// Event returns the fields of an event: in the order of Splunk's search-time
// operations, extractions, calculated fields (all of them see what was there
// before), lookups in the order of their classes, and tags.
func (a *Addon) Event(sourcetype, host string, time float64, raw string) (Event, error) {
	t := a.types[sourcetype]
	if t == nil {
		return nil, fmt.Errorf("props.conf has no [%s]", sourcetype)
	}
	ev := Event{"host": host, "sourcetype": sourcetype, "_time": time, "_raw": raw}
	for _, r := range t.reports {
		by := strings.Trim(r.Of["DELIMS"], `"`)
		if len(by) != 1 {
			return nil, fmt.Errorf("[%s]: DELIMS is not one character", r.Name)
		}
		names := fieldNames(r)
		values := strings.Split(raw, by)
		if len(values) > len(names) {
			return nil, fmt.Errorf("%d values for %d columns: %q", len(values), len(names), raw)
		}
		for i, v := range values {
			if v != "" { // KEEP_EMPTY_VALS is false
				ev[names[i]] = v
			}
		}
	}
	switch t.kvMode {
	case "none":
	case "json":
		d := json.NewDecoder(strings.NewReader(raw))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("%w in %q", err, raw)
		}
		flat := map[string][]string{}
		flatten(flat, "", v)
		for k, v := range flat {
			ev[k] = several(v)
		}
	case "auto":
		for _, m := range pairs.FindAllStringSubmatch(raw, -1) {
			v := m[2]
			if strings.HasPrefix(v, `"`) {
				v = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(v[1 : len(v)-1])
			}
			if v != "" {
				ev[m[1]] = v
			}
		}
	default:
		return nil, fmt.Errorf("KV_MODE = %s is not known", t.kvMode)
	}
	given := maps.Clone(ev)
	for name, e := range t.evals {
		switch v := e.Eval(given).(type) {
		case nil:
			delete(ev, name)
		case float64:
			ev[name], _ = Text(v)
		case bool:
			return nil, fmt.Errorf("EVAL-%s gives a boolean, which a field can't hold", name)
		default:
			ev[name] = v
		}
	}
	for _, l := range t.lookups {
		l.apply(ev)
	}
	if tags := a.tags(sourcetype); tags != nil {
		ev["tag"] = several(tags)
	}
	return ev, nil
}

// flatten names the values of a JSON document as KV_MODE = json does.
func flatten(to map[string][]string, name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if name != "" {
				k = name + "." + k
			}
			flatten(to, k, x)
		}
	case []any:
		for _, x := range v {
			flatten(to, name+"{}", x)
		}
	case nil:
	case bool:
		to[name] = append(to[name], strconv.FormatBool(v))
	default:
		to[name] = append(to[name], fmt.Sprint(v))
	}
}

var sourcetypes = regexp.MustCompile(`sourcetype="?([\w:]+)"?`)

// tags returns the tags of a source type's events, by event types that name
// source types and nothing else.
func (a *Addon) tags(sourcetype string) []string {
	var tags []string
	for _, e := range a.Eventtypes {
		for _, m := range sourcetypes.FindAllStringSubmatch(e.Of["search"], -1) {
			if m[1] != sourcetype {
				continue
			}
			if s := Find(a.Tags, "eventtype="+e.Name); s != nil {
				for _, k := range s.Keys {
					if s.Of[k] == "enabled" {
						tags = append(tags, k)
					}
				}
			}
		}
	}
	return tags
}
