package shadow

import "fmt"

// needs tells what of this traffic a collector has only if it does more than to
// decode what comes, each with what was measured.
func (m *Measured) needs(r *report) {
	var early, duplicates, missing, redefined uint64
	var sampled, gaps, doubled int
	for i := range m.Ledgers {
		l := &m.Ledgers[i]
		early += l.Recovered
		redefined += l.Redefined
		if rates := m.optionRates(l); len(rates) > 0 && rates[len(rates)-1] > 1 {
			sampled++
		}
		if l.Missing > 0 {
			gaps++
			missing += l.Missing
		}
		if l.Duplicates > 0 {
			doubled++
			duplicates += l.Duplicates
		}
	}
	r.printf("\nwhat a collector loses here that does not …\n")
	before := r.Len()
	if early > 0 {
		r.line("wait", "keep data until its template comes: %d octets of data, which we decoded when that came", early)
	}
	if sampled > 0 {
		r.line("options", "read options: the sampling rates of %s; it shows their sampled traffic as if it were all", plural(sampled, "domain"))
	}
	if missing > 0 {
		r.line("numbers", "follow sequence numbers: that %d are missing, in %s; they are lost to both, and it doesn't know", missing, plural(gaps, "domain"))
	}
	if duplicates > 0 {
		r.line("twice", "follow sequence numbers: that %d came twice, in %s; both collectors have counted them twice, and it doesn't know", duplicates, plural(doubled, "domain"))
	}
	if redefined > 0 {
		r.line("templates", "take a template's new definition at once: what came by the %d that changed", redefined)
	}
	if n := m.listened().Dropped; n > 0 {
		r.line("kernel", "ask the kernel what it dropped: that %d datagrams are gone", n)
	}
	if r.Len() == before {
		r.line("nothing", "no data came before its template, no sampling rate in options only, no number was missing, nothing was dropped")
	}
	r.printf("whether %s does these we can't see; compare its totals with these.\n", m.To)
}

// plural returns "1 domain", "2 domains".
func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
