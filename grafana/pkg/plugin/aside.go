package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/plugins/detect"
)

// An aside is a panel's question that is not about flows: weir's language has no
// words for it.
type aside struct {
	Show     string          `json:"show"`     // findings or exporters
	Severity detect.Severity `json:"severity"` // of findings: the least
	Class    string          `json:"class"`    // what it begins with
	Detector string          `json:"detector"`
	Limit    int             `json:"limit"`

	from, to int64 // Unix nanoseconds
}

// What an aside shows.
const (
	showFindings  = "findings"
	showExporters = "exporters"
)

// Limits of findings: default and most.
const (
	usualFindings = 100
	mostFindings  = 10_000
)

// formatMarks shows findings as marks in graphs.
const formatMarks = "annotations"

// parseAside reads a query that asks for something beside flows. It is no such query if
// a is nil.
func parseAside(q backend.DataQuery, format string) (a *asked, err error) {
	var show struct {
		Show     string `json:"show"`
		Question string `json:"question"`
	}
	if json.Unmarshal(q.JSON, &show) != nil || show.Question != "" || show.Show != showFindings && show.Show != showExporters {
		return nil, nil
	}
	x := &aside{from: q.TimeRange.From.UnixNano(), to: q.TimeRange.To.UnixNano()}
	var text struct {
		Severity string `json:"severity"`
		*aside
	}
	text.aside = x
	if err := json.Unmarshal(q.JSON, &text); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	if text.Severity != "" {
		if err := x.Severity.UnmarshalText([]byte(text.Severity)); err != nil || x.Severity < detect.Info {
			return nil, fmt.Errorf("severity is %.40q: write info, low, medium, high or critical, of which it is the least", text.Severity)
		}
	}
	switch {
	case x.Limit == 0:
		x.Limit = usualFindings
	case x.Limit < 0 || x.Limit > mostFindings:
		return nil, fmt.Errorf("limit is %d: write a number from 1 to %d", x.Limit, mostFindings)
	}
	switch format {
	case "", formatTable:
	case formatMarks:
		if x.Show != showFindings {
			return nil, errors.New("only findings are shown as annotations: ask for findings")
		}
	default:
		return nil, fmt.Errorf("%s are not shown as %q: leave the format empty, or write table", x.Show, format)
	}
	return &asked{aside: x, format: format}, nil
}

// String is the question in words, for Grafana's inspector.
func (x *aside) String() string {
	if x.Show == showExporters {
		return "exporters"
	}
	s := fmt.Sprintf("findings %d from %s to %s", x.Limit, moment(x.from), moment(x.to))
	if x.Severity > 0 {
		s += " severity " + x.Severity.String()
	}
	if x.Class != "" {
		s += " class " + x.Class
	}
	if x.Detector != "" {
		s += " detector " + x.Detector
	}
	return s
}

// answer asks s, and makes a frame of what it says for the datasource uid.
func (x *aside) answer(ctx context.Context, s origin, format, uid string) (*dataFrame, error) {
	if x.Show == showExporters {
		all, notices, err := s.report(ctx)
		if err != nil {
			return nil, err
		}
		return x.told(exportersFrame(all, uid), notices), nil
	}
	all, more, notices, err := s.findings(ctx, x)
	if err != nil {
		return nil, err
	}
	if more > 0 {
		notices = append(notices, data.Notice{Severity: data.NoticeSeverityInfo, Text: fmt.Sprintf("cut: the newest %d of %d findings are shown", len(all), len(all)+more)})
	}
	if format == formatMarks {
		return x.told(marksFrame(all), notices), nil
	}
	return x.told(findingsFrame(all, uid), notices), nil
}

func (x *aside) told(f *dataFrame, notices []data.Notice) *dataFrame {
	f.Meta.ExecutedQueryString = x.String()
	f.AppendNotices(notices...)
	return f
}

// colours maps words to colours.
func colours(of map[string]string) data.ValueMappings {
	m := data.ValueMapper{}
	for word, colour := range of {
		m[word] = data.ValueMappingResult{Color: colour}
	}
	return data.ValueMappings{m}
}

// joined is texts as one, without what is empty.
func joined(texts []string, between string) string {
	var all []string
	for _, t := range texts {
		if t != "" {
			all = append(all, t)
		}
	}
	return strings.Join(all, between)
}
