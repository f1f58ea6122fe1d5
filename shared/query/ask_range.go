package query

import (
	"strings"
	"time"
)

// A period is a range of time and the one before it, Unix nanoseconds.
type period struct {
	from, to int64
	before   [2]int64
}

// lately is the time of this length that has just passed.
func lately(now time.Time, d time.Duration) period {
	return apart(now.UnixNano()-int64(d), now.UnixNano())
}

// apart is from one moment to another; as much time is before it.
func apart(from, to int64) period { return period{from, to, [2]int64{from - (to - from), from}} }

// calendar are the units that begin where a calendar says.
var calendar = []string{"hour", "day", "week", "month"}

// beginning returns when t's unit began, n units later.
func beginning(t time.Time, unit string, n int) time.Time {
	y, m, d := t.Date()
	switch unit {
	case "hour":
		since := time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
		return t.Add(-since + time.Duration(n)*time.Hour)
	case "day":
		return midnight(y, m, d+n, t.Location())
	case "week":
		return midnight(y, m, d-(int(t.Weekday())+6)%7+7*n, t.Location())
	}
	return midnight(y, m+time.Month(n), 1, t.Location())
}

// midnight is when a day begins: where the clock is set forward at midnight, that
// is an hour by the clock later.
func midnight(y int, m time.Month, d int, in *time.Location) time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, in)
	if t.Day() != time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Day() {
		if _, change := t.ZoneBounds(); !change.IsZero() {
			return change
		}
	}
	return t
}

// this is t's unit until t; before it is as much of the unit before.
func this(t time.Time, unit string) period {
	from, last := beginning(t, unit, 0), beginning(t, unit, -1)
	end := min(last.UnixNano()+t.UnixNano()-from.UnixNano(), from.UnixNano())
	return period{from.UnixNano(), t.UnixNano(), [2]int64{last.UnixNano(), end}}
}

// last is the unit before t's.
func last(t time.Time, unit string) period {
	to, from, before := beginning(t, unit, 0).UnixNano(), beginning(t, unit, -1).UnixNano(), beginning(t, unit, -2).UnixNano()
	return period{from, to, [2]int64{before, from}}
}

// findZone reads the zone before anything that depends on it.
func (p *asker) findZone() error {
	for i, t := range p.tokens {
		if t.kind != wordToken || !strings.EqualFold(t.text, "zone") {
			if t.kind == wordToken && strings.EqualFold(t.text, "where") {
				return nil
			}
			continue
		}
		name := p.tokens[min(i+1, len(p.tokens)-1)]
		if name.kind != wordToken {
			return p.fail(t, "which zone? zone Europe/Berlin")
		}
		return p.zone(name)
	}
	return nil
}

// zone sets the zone that t names.
func (p *asker) zone(t token) error {
	if strings.EqualFold(t.text, "utc") {
		return nil
	}
	// Local is another one on each machine.
	z, err := time.LoadLocation(t.text)
	if err != nil || t.text == "" || strings.EqualFold(t.text, "local") {
		return p.fail(t, "%s is no time zone: write it as Europe/Berlin", quoted(t.text))
	}
	p.q.Zone = z
	return nil
}

// clock returns now where the question is asked.
func (p *asker) clock() time.Time {
	if p.q.Zone == nil {
		return p.now.UTC()
	}
	return p.now.In(p.q.Zone)
}

// period reads a range that begins with the word of token t.
func (p *asker) period(t token, word string) (err error) {
	now := p.clock()
	switch word {
	case "today":
		p.over = this(now, "day")
	case "yesterday":
		p.over = last(now, "day")
	case "this":
		u := p.peek()
		if !p.take(calendar...) {
			return p.fail(u, "this what? this hour, this day, this week or this month%s", alike(u.text, calendar))
		}
		p.over = this(now, strings.ToLower(u.text))
	case "last":
		u := p.peek()
		if p.take(calendar...) {
			p.over = last(now, strings.ToLower(u.text))
			return nil
		}
		d, err := p.span(t, "last", "1h", 1<<63-1)
		if err != nil {
			return err
		}
		p.over = lately(now, time.Duration(d))
	default:
		from, to, err := p.moments(t, false)
		if err != nil {
			return err
		}
		p.over = apart(from, to)
	}
	return nil
}

// against reads the period to compare with.
func (p *asker) against(t token) (err error) {
	p.q.Against[0], p.q.Against[1], err = p.moments(t, true)
	return err
}

// moments reads two, of which the latter is now if it is not there, unless it must
// be.
func (p *asker) moments(t token, both bool) (from, to int64, err error) {
	first := p.peek()
	begin, clock, err := p.moment(t)
	if err != nil {
		return 0, 0, err
	}
	end := p.clock()
	if p.take("to") {
		if end, _, err = p.moment(t); err != nil {
			return 0, 0, err
		}
	} else if both {
		return 0, 0, p.fail(first, `"to" and a moment are missing behind %s`, quoted(first.text))
	}
	if clock && !begin.Before(end) {
		begin = begin.AddDate(0, 0, -1)
	}
	if !begin.Before(end) {
		return 0, 0, p.fail(first, "the time range ends before it begins: %s to %s", begin.Format(time.RFC3339Nano), end.Format(time.RFC3339Nano))
	}
	return begin.UnixNano(), end.UnixNano(), nil
}

// moment reads one, and tells whether it is only a time of the day.
func (p *asker) moment(t token) (at time.Time, clock bool, err error) {
	u := p.next()
	if u.kind != wordToken {
		return at, false, p.fail(t, "when? Write 2026-11-26T12:00:00Z, 2026-11-26, 12:00 or now")
	}
	now := p.clock()
	text := strings.ToUpper(u.text)
	if text == "NOW" {
		return now, false, nil
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", time.DateOnly} {
		at, err := time.ParseInLocation(form, text, now.Location())
		if err != nil {
			continue
		}
		if y := at.UTC().Year(); y < 1678 || y > 2261 {
			return at, false, p.fail(u, "%s is not between 1678 and 2261", quoted(u.text))
		}
		if form == time.DateOnly {
			day, _ := time.Parse(form, text)
			at = midnight(day.Year(), day.Month(), day.Day(), now.Location())
		}
		return at, false, nil
	}
	for _, form := range []string{time.TimeOnly, "15:04"} {
		at, err := time.Parse(form, text)
		if err != nil {
			continue
		}
		y, m, d := now.Date()
		return time.Date(y, m, d, at.Hour(), at.Minute(), at.Second(), 0, now.Location()), true, nil
	}
	return at, false, p.fail(u, "%s is no moment: write 2026-11-26T12:00:00Z, 2026-11-26, 12:00 or now", quoted(u.text))
}
