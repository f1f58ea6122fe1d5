package plugin

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/engine"
)

// A doubt is a notice of how far to trust an answer.
func doubt(severity data.NoticeSeverity, format string, args ...any) data.Notice {
	return data.Notice{Severity: severity, Text: fmt.Sprintf(format, args...)}
}

// doubts says how far to trust an answer.
func (a *asked) doubts(t *answer) (all []data.Notice) {
	add := func(severity data.NoticeSeverity, format string, args ...any) {
		all = append(all, doubt(severity, format, args...))
	}
	switch {
	case a.Shape == query.Flows:
		all = append(all, unscaled(t.rates())...)
	case t.Scaled:
		if t.Sampled > 0 || t.Unknown > 0 {
			all = append(all, scaled(t.Flows, t.Sampled, t.Unknown, t.LeastRate, t.MostRate))
		}
	case t.Sampled > 0:
		text := fmt.Sprintf("not scaled, as raw was asked for: %d of %d flow records are sampled", t.Sampled, t.Flows)
		if times := query.Times(uint64(t.LeastRate), uint64(t.MostRate)); times != "" {
			text += " and stand for more (" + times + ")"
		}
		add(data.NoticeSeverityInfo, "%s", text)
	}
	if t.More > 0 {
		add(data.NoticeSeverityInfo, "cut: %d of %d rows are shown", len(t.Rows), len(t.Rows)+t.More)
	}
	if t.Others > 0 && t.Other == nil && a.Shape == query.Groups && !a.Series && a.format != formatGraph { // nothing stands for them
		add(data.NoticeSeverityInfo, "cut: %d of %d groups are shown", len(t.Rows), len(t.Rows)+t.Others)
	}
	if c := t.Complete; c != nil && (c.Missing > 0 || c.Lost > 0) {
		add(data.NoticeSeverityWarning, "%.2f %% complete: %d records didn't arrive, %d were lost on the way to the store", 100*c.Share, c.Missing, c.Lost)
	}
	if t.Bound > 0 {
		add(data.NoticeSeverityInfo, "a group that is not shown may have up to %s more than it seems", strconv.FormatFloat(t.Bound, 'f', -1, 64))
	}
	for _, note := range t.Notes {
		add(data.NoticeSeverityInfo, "%s", note)
	}
	return append(all, t.notices...)
}

// scaled says of how many flows the volume is an estimate, at rates from least to most,
// and of how many it may be too small.
func scaled(flows, sampled, unknown uint64, least, most uint32) data.Notice {
	text := "scaled by the sampling rate"
	if times := query.Times(uint64(least), uint64(most)); times != "" {
		text = "scaled " + times
	}
	text += fmt.Sprintf(": %d of %d flow records are sampled", sampled, flows)
	if unknown > 0 {
		text += fmt.Sprintf("; %d have an unknown rate and count as they are", unknown)
	}
	return doubt(data.NoticeSeverityInfo, "%s", text)
}

// rates are the sampling rates of t's flows, 0 where one is not known.
func (t *answer) rates() []uint64 {
	at := -1
	for n, c := range t.Columns {
		if c.Name == flow.Fields[flow.FieldSamplingRate].Flat {
			at = n
		}
	}
	all := make([]uint64, len(t.Rows))
	for i, row := range t.Rows {
		if at >= 0 {
			all[i] = row[at].Uint
		}
	}
	return all
}

// unscaled says that flows are shown as they came, though some are sampled.
func unscaled(rates []uint64) []data.Notice {
	sampled, least, most := 0, uint64(math.MaxUint64), uint64(0)
	for _, r := range rates {
		if r > 1 {
			sampled++
			least, most = min(least, r), max(most, r)
		}
	}
	if sampled == 0 {
		return nil
	}
	return []data.Notice{doubt(data.NoticeSeverityInfo, "counters are as they were sent: %d of %d flows are sampled and stand for more (%s)", sampled, len(rates), query.Times(least, most))}
}

// completeness says what is missing in an answer about [from, …).
func completeness(v engine.View, from int64, s pipeline.Stats) (notices []data.Notice) {
	if since := v.Since; from < since.UnixNano() {
		notices = append(notices, data.Notice{
			Severity: data.NoticeSeverityWarning,
			Text:     "the window is complete since " + since.Format(time.RFC3339) + ": of what was before, flows are missing",
		})
	}
	if s.Dropped > 0 {
		notices = append(notices, data.Notice{
			Severity: data.NoticeSeverityWarning,
			Text:     fmt.Sprintf("%d flows were lost in the queue before the window", s.Dropped),
		})
	}
	return notices
}

// What is missing of what exporters sent is worth a warning from this share on.
const missingWarning = 0.01

// arrival says what of all that exporters have sent did not arrive. It is about the
// whole time since listening began: sequence numbers have no range.
func arrival(ledgers []pipeline.Ledger) []data.Notice {
	records, missing := 0.0, 0.0
	for i := range ledgers {
		l := &ledgers[i]
		each := 1.0 // records of what sequence numbers count
		switch l.Unit() {
		case "export packets", "datagrams":
			each = float64(l.Records) / float64(max(l.Received, 1))
		}
		records += float64(l.Records)
		missing += float64(l.Missing) * each
	}
	if missing < 0.5 {
		return nil
	}
	share := missing / (records + missing)
	severity := data.NoticeSeverityInfo
	if share >= missingWarning {
		severity = data.NoticeSeverityWarning
	}
	return []data.Notice{doubt(severity, "%.2f %% complete since listening began: %.0f records didn't arrive", 100*(1-share), missing)}
}
