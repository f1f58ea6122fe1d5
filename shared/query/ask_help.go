package query

// AskHelp is the language of questions on a page, for commands.
const AskHelp = `A question says what is wanted of the flows that are stored:

  top 10 src,dst by bytes last 1h where dst port 443
  top 5 exporter,in_if by bits p95 this month zone Europe/Berlin
  series 8 app_name by bits last 6h every 5min
  flows 50 last 10min where host 10.0.0.1
  conversations 10 by bytes last 1h
  matrix src_as x dst_as by bytes last 24h
  count src by exporter today
  top 10 src/24/48 by packets, flows yesterday previous

It begins with what is to be shown, and how many (10):

  top COLUMNS        the largest groups; without columns all flows together
  series COLUMNS     the same over time
  matrix A x B       the largest cells (100)
  count COLUMNS      how many different values there are: count src by exporter
  flows              the records, newest first; by bytes: largest first (100)
  conversations      both directions of each 5-tuple, largest first

COLUMNS are fields as filters have them (weir help filter), with commas between:
src and dst are addresses, src/24/48 are networks of these lengths, of IPv4 and
of IPv6; ip, port, if, as and others without a side count a flow for both its
ends; pair is both addresses, whichever sends.

Then, in any order:

  by bytes           or bits, packets, flows; distinct dst counts different
                     values. Several have commas between, and the first ranks.
                     Behind one: max is the largest bin, p95 the 95th percentile
                     of the bins
  last 1h            also today, yesterday, this week, last month (hour, day,
                     week, month), from 2026-11-01 to 2026-11-08, from 22:00 to
                     06:00, from 2026-11-26T12:00:00Z (to now); default: last 1h
  every 5min         how long a bin is; units are ns us ms s min h d
  zone Asia/Tokyo    whose days and clock are meant; default: UTC
  raw                counters as they came, not multiplied by the sampling rate
  dedup              what several exporters saw counts once
  both               in and out apart, with columns of either side
  present            max and p95 leave out bins without traffic
  previous           compares with the period before; against T to T: with that
  idle 30s           what is one conversation yet
  where FILTER       comes last; see weir help filter

A date is its day's beginning; weeks begin on Monday; ranges are widened to
whole bins. What is of bins is a rate, what is of the whole range a sum, with
its rate beside it.
`
