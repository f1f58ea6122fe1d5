package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones of questions, wherever we run

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/weirflow/weir/collector/api"
	"github.com/weirflow/weir/shared/query"
)

// storeFlags say which weir is asked about what it has stored.
type storeFlags struct {
	apiFlags
	timeout time.Duration
}

func (f *storeFlags) add(cmd *cobra.Command) {
	f.apiFlags.add(cmd)
	cmd.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "`TIME` that an answer may take, up to 5m")
}

func (f *storeFlags) client() (*api.Client, error) {
	if f.timeout < time.Second || f.timeout > 5*time.Minute {
		return nil, usagef("--timeout: %s is not from 1s to 5m", f.timeout)
	}
	return f.apiFlags.client()
}

// tableFormats are the forms of an answer.
var tableFormats = []string{"table", "json", "csv", "ndjson", "arrow"}

func queryCommand() *cobra.Command {
	var f storeFlags
	var format, as string
	cmd := &cobra.Command{
		Use:   "query [flags] QUESTION",
		Short: "Ask about the flows that are stored",
		Long: `Query asks the weir that runs about the flows that it has stored, and prints the
answer: as a table, with sparklines where the question is about time, and below it
what there is to know of how far to trust it.

With --as it asks nobody, and prints how another tool is asked the same: DuckDB, of
a store's segments in DIR; nfdump; Splunk with the add-on, as SPL; or a panel of the
Grafana datasource. Where the other tool can't, it says so.

It exits with 2 if the question is wrong, and with 1 if there is no answer.

` + query.AskHelp,
		Example: `  weir query 'top 10 src,dst by bytes last 1h where dst port 443'
  weir query 'top 5 exporter,in_if by bits p95 this month zone Europe/Berlin'
  weir query 'series 8 app_name by bits last 6h every 5min'
  weir query 'top 20 dst port by flows today previous' --format csv
  weir query --as nfdump 'top src by bytes yesterday where proto udp'
  weir query --http 192.0.2.10:8085 --token-file ~/.weir-token 'count src by exporter'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("ask what? weir query 'top 10 src by bytes last 1h'; see: weir help query")
			}
			return nil
		},
		ValidArgsFunction: f.completeQuestion,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(tableFormats, format) {
				return usagef("--format: no format %q: it is one of %s", format, strings.Join(tableFormats, ", "))
			}
			text := strings.Join(args, " ")
			q, err := query.Ask(text, time.Now())
			if s := new(query.SyntaxError); errors.As(err, &s) {
				return usagef("%w\n%s", err, s.Caret())
			} else if err != nil {
				return err
			}
			if as != "" {
				return printAs(cmd.OutOrStdout(), q, as)
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			asked := query.Asked{Question: text}
			if format == "table" {
				t, err := c.Table(cmd.Context(), &asked, f.timeout)
				if err != nil {
					return hintedAt(err)
				}
				_, err = cmd.OutOrStdout().Write(appendAnswer(nil, t, q.Zone))
				return err
			}
			out, ok := cmd.OutOrStdout().(*os.File)
			terminal := ok && term.IsTerminal(int(out.Fd()))
			if terminal && format == "arrow" {
				return usagef("--format arrow is not for terminals: write it to a file")
			}
			body, err := c.Query(cmd.Context(), &asked, format, f.timeout)
			if err != nil {
				return hintedAt(err)
			}
			defer body.Close()
			return passOn(cmd.OutOrStdout(), body, format, terminal)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&format, "format", "table", "`FORMAT` of the answer: "+strings.Join(tableFormats, ", "))
	cmd.Flags().StringVar(&as, "as", "", "print the question for `TOOL` instead: "+strings.Join(otherTools(), ", "))
	complete(cmd, "format", tableFormats...)
	complete(cmd, "as", otherTools()...)
	return cmd
}

// hintedAt adds to an error of asking what to do about it, and shows the place of a
// mistake.
func hintedAt(err error) error {
	var p *api.ProblemError
	if errors.As(err, &p) && p.At != nil {
		return usagef("%w\n%s", err, printableLines(p.At.Caret))
	}
	return hinted(err)
}

func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// passOn prints an answer as it came, but so that texts in it tell a terminal
// nothing.
func passOn(w io.Writer, body io.Reader, format string, terminal bool) error {
	switch {
	case format == "json":
		var text json.RawMessage
		if err := json.NewDecoder(body).Decode(&text); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		return printJSON(w, text)
	case !terminal:
		_, err := io.Copy(w, body)
		return err
	}
	lines := bufio.NewReader(body)
	for {
		line, err := lines.ReadString('\n')
		if text, whole := strings.CutSuffix(line, "\n"); whole {
			line = printable(text) + "\n"
		}
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
	}
}

// others are the tools that a question is printed for.
var others = []struct {
	name string
	text func(*query.Question) (string, error)
}{
	{"sql", questionSQL},
	{"nfdump", (*query.Question).Nfdump},
	{"spl", (*query.Question).SPL},
	{"grafana", (*query.Question).Grafana},
}

func otherTools() (all []string) {
	for _, o := range others {
		all = append(all, o.name)
	}
	return all
}

func printAs(w io.Writer, q *query.Question, name string) error {
	for _, o := range others {
		if o.name != name {
			continue
		}
		text, err := o.text(q)
		if err != nil {
			return fmt.Errorf("--as %s: %w", name, err)
		}
		_, err = fmt.Fprintln(w, text)
		return err
	}
	return usagef("--as: no tool %q: it is one of %s", name, strings.Join(otherTools(), ", "))
}

// completeQuestion offers the words of the language, the columns, and, from the
// weir that runs, values.
func (f *storeFlags) completeQuestion(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const how = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	head, word := begun, ""
	if i := strings.LastIndexAny(begun, " ,"); i >= 0 {
		head, word = begun[:i+1], begun[i+1:]
	} else {
		head, word = "", begun
	}
	before := strings.Fields(strings.Join(append(slices.Clone(args), head), " "))
	var all []cobra.Completion
	for _, s := range query.Suggest(before, word) {
		all = append(all, head+s)
	}
	if field, ok := query.FieldBefore(before); ok {
		if c, err := f.client(); err == nil {
			if v, err := c.Values(cmd.Context(), field, word, 50); err == nil {
				for _, s := range v.Values {
					all = append(all, head+query.Word(s))
				}
			}
		}
	}
	return all, how
}
