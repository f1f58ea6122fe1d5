package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/template"
)

func templatesCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "templates [flags] FILE…",
		Short: "Show which templates captures announce",
		Long: `Templates prints what the exporters in captures announced: for each template its
fields, and where their values go. A value fills a column of weir's flow records,
or is an extra, which is printed behind the columns by its name. Of several
fields for one column the best fills it. Values of an options template are about
its scopes, not flows. What was announced anew is printed as it was last, with how
often that was; what was withdrawn over TCP or in a file is not printed.

` + aboutFiles,
		Example: `  weir templates capture.pcap
  weir templates --format json capture.pcapng | jq 'select(.kind == "options")'
  weir templates --format json *.pcap | jq -r '.fields[] | select(.column == "extra").name' | sort | uniq -c
  tcpdump -c 1000 -i eth0 -w - udp port 2055 | weir templates -`,
		Args: wantFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			print := printTemplates
			switch format {
			case "table":
			case "json":
				print = printTemplatesJSON
			default:
				return usagef("--format: no format %q: it is one of table, json", format)
			}
			d := newFileDecoder(nil, nil, cmd.InOrStdin(), cmd.ErrOrStderr())
			for _, name := range args {
				if err := d.file(cmd, name); err != nil {
					return err
				}
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			if err := print(out, announcements(d.store)); err != nil {
				return err
			}
			if err := out.Flush(); err != nil {
				return err
			}
			if d.bad {
				return errReported
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "`FORMAT` of the output: table, json (an object a line)")
	complete(cmd, "format", "table", "json")
	return cmd
}

// An announcement is a template as an exporter announced it.
type announcement struct {
	Exporter string           `json:"exporter"` // address and port
	Version  uint8            `json:"version"`
	Domain   uint32           `json:"domain"`
	ID       uint16           `json:"template"`
	Kind     string           `json:"kind"`                // data, options
	Octets   int              `json:"octets"`              // of a record, without variable fields
	Scopes   int              `json:"scopes,omitempty"`    // leading fields that are scopes
	Before   int              `json:"redefined,omitempty"` // how many other definitions the id had before
	Over     string           `json:"over,omitempty"`      // the transport, if it is a connection
	Fields   []announcedField `json:"fields"`
}

type announcedField struct {
	PEN      uint32 `json:"pen"`
	ID       uint16 `json:"id"`
	Name     string `json:"name"`
	Octets   uint16 `json:"octets"` // 0 if variable
	Variable bool   `json:"variable,omitempty"`
	Column   string `json:"column"` // flat name, extra; scope or option in an options template
}

// announcements returns the templates that are known, in the order of
// exporters.
func announcements(store *template.Store) (all []announcement) {
	sessions := store.Sessions()
	slices.SortFunc(sessions, func(a, b *template.Session) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Version, b.Version))
	})
	for _, s := range sessions {
		first := len(all)
		s.Plans(func(domain uint32, p *template.Plan) {
			all = append(all, announce(s, domain, p))
		})
		slices.SortFunc(all[first:], func(a, b announcement) int {
			return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.ID, b.ID))
		})
	}
	return all
}

func announce(s *template.Session, domain uint32, p *template.Plan) announcement {
	t := &p.Template
	a := announcement{Exporter: s.From.String(), Version: s.Version, Domain: domain, ID: t.ID, Kind: "data", Scopes: t.Scopes}
	if t.Options {
		a.Kind = "options"
	}
	a.Before = s.Redefined(domain, t.ID)
	if s.Over.Connected() {
		a.Over = s.Over.String()
	}
	columns := columnsOf(p)
	for i, f := range t.Fields {
		x := announcedField{PEN: f.PEN, ID: f.ID, Name: elementName(t, i), Octets: f.Len, Column: columns[i]}
		if f.Len == template.Variable && t.Version != 9 {
			x.Octets, x.Variable = 0, true
		}
		a.Octets += int(x.Octets)
		a.Fields = append(a.Fields, x)
	}
	return a
}

// v9Scopes are the scope types of NetFlow v9, which are no elements (RFC 3954
// §6.1).
var v9Scopes = [...]string{1: "System", 2: "Interface", 3: "Line Card", 4: "Cache", 5: "Template"}

func elementName(t *template.Template, i int) string {
	f := &t.Fields[i]
	if t.Version == 9 && t.Options && i < t.Scopes && f.PEN == 0 && f.ID > 0 && int(f.ID) < len(v9Scopes) {
		return v9Scopes[f.ID]
	}
	return string(ie.AppendName(nil, f.PEN, f.ID))
}

// columnsOf says for each field of p's template which column it fills.
func columnsOf(p *template.Plan) []string {
	t := &p.Template
	type filler struct{ field, rank int }
	best := map[string]filler{}
	names := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		names[i] = "extra"
		switch {
		case i < t.Scopes && t.Options:
			names[i] = "scope"
			continue
		case t.Options:
			names[i] = "option"
			continue
		}
		pen := f.PEN
		if pen == ie.ReversePEN && p.Biflow() {
			f.PEN = 0
		}
		x, rank, ok := template.Fills(f, t.Version)
		if !ok {
			continue
		}
		name := flow.Fields[x].Flat
		if pen == ie.ReversePEN {
			name = "reverse " + name
		}
		if flow.Fields[x].IPFIX6 != "" && rank == 1 {
			names[i] = name // beside the element for IPv4, each for its records
			continue
		}
		if b, ok := best[name]; ok {
			if b.rank <= rank {
				continue
			}
			names[b.field] = "extra"
		}
		best[name] = filler{i, rank}
		names[i] = name
	}
	return names
}

func printTemplatesJSON(w io.Writer, all []announcement) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for i := range all {
		if err := e.Encode(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

func printTemplates(w io.Writer, all []announcement) error {
	for i := range all {
		a := &all[i]
		if i > 0 {
			fmt.Fprintln(w)
		}
		kind := a.Kind
		if a.Scopes > 0 {
			kind += " by " + count(a.Scopes, "scope")
		}
		over := protocol(a.Version)
		if a.Over != "" {
			over += " over " + a.Over
		}
		before := ""
		if a.Before > 0 {
			before = ", redefined " + count(a.Before, "time")
		}
		fmt.Fprintf(w, "exporter %s, %s, domain %d, template %d: %s, %s, %s%s%s\n", a.Exporter, over, a.Domain, a.ID,
			kind, count(len(a.Fields), "field"), count(a.Octets, "octet"), andMore(a.Fields), before)
		width := len("NAME")
		for _, f := range a.Fields {
			width = max(width, len(f.Name))
		}
		fmt.Fprintf(w, "%8s %6s  %-*s %9s  %s\n", "PEN", "ID", width, "NAME", "OCTETS", "COLUMN")
		for _, f := range a.Fields {
			pen, octets := "", strconv.Itoa(int(f.Octets))
			if f.PEN != 0 {
				pen = strconv.FormatUint(uint64(f.PEN), 10)
			}
			if f.Variable {
				octets = "variable"
			}
			if _, err := fmt.Fprintf(w, "%8s %6d  %-*s %9s  %s\n", pen, f.ID, width, f.Name, octets, f.Column); err != nil {
				return err
			}
		}
	}
	return nil
}

func protocol(version uint8) string {
	if version == 10 {
		return "IPFIX"
	}
	return "NetFlow v" + strconv.Itoa(int(version))
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

// andMore says that a record is longer than its fixed fields.
func andMore(fields []announcedField) string {
	if slices.ContainsFunc(fields, func(f announcedField) bool { return f.Variable }) {
		return " and more"
	}
	return ""
}
