package shadow

import (
	"fmt"
	"slices"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/template"
)

// optionRates returns the sampling rates that options have announced for a
// domain and that none of its data templates tells, sorted.
func (m *Measured) optionRates(l *pipeline.Ledger) (rates []uint32) {
	inRecords := false
	for _, s := range m.Sessions {
		if s.Version != l.Version || s.Over != l.Over || s.From.Addr().Unmap() != l.From.Addr().Unmap() {
			continue
		}
		s.EachRate(func(domain uint32, _ template.RateOf, _ uint64, rate uint32) {
			if domain == l.Domain && !slices.Contains(rates, rate) {
				rates = append(rates, rate)
			}
		})
		s.Announced(func(domain uint32, t *template.Template, _ int64) {
			inRecords = inRecords || domain == l.Domain && !t.Options && slices.ContainsFunc(t.Fields, tellsRate)
		})
	}
	if inRecords {
		return nil
	}
	slices.Sort(rates)
	return rates
}

// tellsRate tells whether a field of a data record holds its sampling rate:
// samplingInterval, samplerRandomInterval or samplingPacketInterval.
func tellsRate(f template.Field) bool {
	return f.PEN == 0 && (f.ID == 34 || f.ID == 50 || f.ID == 305)
}

// sampling says what is known of a domain's sampling.
func sampling(l *pipeline.Ledger, rates []uint32) string {
	switch {
	case len(rates) == 1 && rates[0] > 1:
		return fmt.Sprintf("sampled 1 in %d, says an option", rates[0])
	case len(rates) == 1:
		return "not sampled, says an option"
	case len(rates) > 1:
		return fmt.Sprintf("sampled at %d rates from 1 in %d to 1 in %d, say options", len(rates), rates[0], rates[len(rates)-1])
	case l.Looked == 0:
		return "no flow to tell of sampling"
	case l.NoRate == l.Looked:
		return "it says nothing of sampling"
	case l.NoRate > 0:
		return "some records say how they were sampled"
	}
	return "its records say how they were sampled"
}
