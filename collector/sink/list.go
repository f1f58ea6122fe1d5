package sink

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/query"
)

// A List is the sinks of a YAML file.
type List []Spec

// A Spec is one of them. In YAML the keys of Config stand beside the others.
type Spec struct {
	Name   string `yaml:"name"`   // in metrics and messages; the type, with a number where it isn't the first
	Type   string `yaml:"type"`   // file, stdout or forward
	Filter string `yaml:"filter"` // flows that go there, in weir's filter language; empty: all
	Queue  Queue  `yaml:"queue"`  //
	Config Config `yaml:"-"`      // *File or *Forward
}

// A Queue is the way to a sink. What is left out is as in the section pipeline.
type Queue struct {
	Size     int               `yaml:"size"`     // batches that may wait in memory, fewer if their flows have more than 1 KiB each
	Overflow pipeline.Overflow `yaml:"overflow"` // when it is full: drop-oldest, block, or spill (to disk)
	Disk     source.Size       `yaml:"disk"`     // of spill: octets on disk, as 4GiB
}

// A Config is the configuration of a kind of sink.
type Config interface {
	Validate() error
	open(Deps) (pipeline.Sink, error)
}

// kinds makes the default of each type.
var kinds = map[string]func() Config{
	"file":    func() Config { c := DefaultFile(); return &c },
	"stdout":  func() Config { c := DefaultFile(); c.Path = stdout; return &c },
	"forward": func() Config { c := DefaultForward(); return &c },
}

// Types returns the types of sinks, sorted.
func Types() []string { return slices.Sorted(maps.Keys(kinds)) }

// Kinds returns the defaults of each type: structs, whose keys stand beside those
// of a Spec.
func (List) Kinds() map[string]any {
	all := map[string]any{}
	for name, kind := range kinds {
		all[name] = kind()
	}
	return all
}

func (c *File) open(d Deps) (pipeline.Sink, error) {
	f, err := NewFile(*c, d)
	if err != nil {
		return nil, err
	}
	return f, f.Open()
}

func (c *Forward) open(d Deps) (pipeline.Sink, error) { return NewForward(*c, d) }

// UnmarshalYAML reads a sequence of sinks. An error names the line and the key.
func (l *List) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode {
		return fmt.Errorf("line %d: sinks is a list: write each sink behind a dash, as - type: file", n.Line)
	}
	*l = nil
	for _, x := range n.Content {
		var s Spec
		if err := s.decode(x); err != nil {
			return err
		}
		*l = append(*l, s)
	}
	l.name()
	return nil
}

// name gives a name to those that have none.
func (l List) name() {
	taken := map[string]bool{}
	for _, s := range l {
		taken[s.Name] = true
	}
	for i := range l {
		for n := 1; l[i].Name == ""; n++ {
			name := l[i].Type
			if n > 1 {
				name = fmt.Sprintf("%s-%d", name, n)
			}
			if !taken[name] {
				l[i].Name, taken[name] = name, true
			}
		}
	}
}

// decode reads a sink, with the defaults of its type.
func (s *Spec) decode(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: a sink is a map: write its type first, as - type: file", n.Line)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "type" {
			s.Type = n.Content[i+1].Value
		}
	}
	kind := kinds[s.Type]
	if kind == nil {
		return fmt.Errorf("line %d: type of a sink is %q: write one of %s", n.Line, s.Type, strings.Join(Types(), ", "))
	}
	s.Config = kind()
	// Each takes the keys that it knows. Which nobody knows, who reads the file says.
	if err := n.Decode((*specKeys)(s)); err != nil {
		return err
	}
	if err := n.Decode(s.Config); err != nil {
		return err
	}
	if err := s.Validate(); err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	return nil
}

// specKeys is a Spec without methods.
type specKeys Spec

// Validate says what is wrong with s, and what to write instead.
func (s *Spec) Validate() error {
	if s.Name != "" && !isName(s.Name) {
		return fmt.Errorf("name of a sink is %q: write up to %d letters, digits, - _ and ., not . first", s.Name, longestName)
	}
	if s.Config == nil {
		return fmt.Errorf("sink %s has no type: write one of %s", s.Name, strings.Join(Types(), ", "))
	}
	if err := s.Config.Validate(); err != nil {
		return fmt.Errorf("%s: %w", s.Type, err)
	}
	if _, err := s.filter(); err != nil {
		return err
	}
	switch q := s.Queue; {
	case q.Size < 0 || q.Disk < 0:
		return fmt.Errorf("queue: size is %d and disk %d: write numbers above 0", q.Size, q.Disk)
	case q.Overflow == pipeline.Spill && q.Disk == 0:
		return errors.New("queue: overflow is spill: write disk too, the octets that may be spilled, as 4GiB")
	}
	return nil
}

const longestName = 64

// isName tells whether a sink may have this name, which is that of a folder too.
func isName(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.' {
			return false
		}
	}
	return name[0] != '.' && len(name) <= longestName
}

func (s *Spec) filter() (*query.Filter, error) {
	if s.Filter == "" {
		return nil, nil
	}
	f, err := query.Parse(s.Filter)
	if x := new(query.SyntaxError); errors.As(err, &x) {
		return nil, fmt.Errorf("filter: %w\n%s", err, x.Caret())
	}
	return f, err
}

// Validate says what is wrong with the sinks together: two may not have one
// name, nor write into one file.
func (l List) Validate() error {
	names, paths := map[string]bool{}, map[string]string{}
	for i := range l {
		s := &l[i]
		if err := s.Validate(); err != nil {
			return err
		}
		if names[s.Name] {
			return fmt.Errorf("two sinks are named %q: write another name for one", s.Name)
		}
		names[s.Name] = true
		if f, ok := s.Config.(*File); ok {
			path := filepath.Clean(f.Path)
			if other, twice := paths[path]; twice {
				return fmt.Errorf("sinks %s and %s have one path, %q: write another for one", other, s.Name, f.Path)
			}
			paths[path] = s.Name
		}
	}
	return nil
}

// Open makes an output of s: its queue has from d.Queue what s leaves out. Files
// are opened, servers are not.
func Open(s Spec, d Deps) (pipeline.Output, error) {
	filter, err := s.filter()
	if err != nil {
		return pipeline.Output{}, fmt.Errorf("sink %s: %w", s.Name, err)
	}
	q := d.Queue
	if q == (pipeline.Queue{}) {
		x := pipeline.Default()
		q.Size, q.Overflow = x.Queue, x.Overflow
	}
	if s.Queue.Size > 0 {
		q.Size = s.Queue.Size
	}
	if s.Queue.Overflow != "" {
		q.Overflow = s.Queue.Overflow
	}
	if s.Queue.Disk > 0 {
		q.Disk = int64(s.Queue.Disk)
	}
	if err := q.Validate(); err != nil {
		return pipeline.Output{}, fmt.Errorf("sink %s: queue: %w", s.Name, err)
	}
	x, err := s.Config.open(d)
	if err != nil {
		return pipeline.Output{}, fmt.Errorf("sink %s: %w", s.Name, err)
	}
	return pipeline.Output{Name: s.Name, Sink: x, Queue: q, Filter: filter}, nil
}
