/** The words of the language, as the backend has them; ../../package/language_test.go holds them together. */
export const shows = ['top', 'series', 'matrix', 'count', 'flows', 'conversations'];
export const clauses = [
  'by',
  'last',
  'this',
  'today',
  'yesterday',
  'from',
  'every',
  'raw',
  'dedup',
  'both',
  'present',
  'previous',
  'against',
  'idle',
  'zone',
  'where',
];
export const metrics = ['bits', 'bytes', 'packets', 'flows', 'distinct'];
export const folds = ['max', 'p95', 'p99', 'total'];
export const periods = ['hour', 'day', 'week', 'month'];
export const signs = ['=', '==', '!=', '<', '<=', '>', '>=', '~', '!~'];
export const comparisons = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'];
export const families = ['any', 'ipv4', 'ipv6', 'inet', 'inet6'];

/** How many words the longest name of a field has. */
export const maxWords = 3;

/** What each word does, for completion. */
export const about: Record<string, string> = {
  top: 'the largest groups',
  series: 'the same over time',
  matrix: 'one column down, one across',
  count: 'how many different values',
  flows: 'the records themselves',
  conversations: 'both directions of each 5-tuple',
  by: 'what is measured',
  last: 'a time range of its own',
  this: 'this hour, day, week, month',
  from: 'a range between two moments',
  every: 'how long a bin is',
  raw: 'not multiplied by the sampling rate',
  dedup: 'what several exporters saw counts once',
  both: 'in and out apart',
  present: 'bins without traffic are left out of max and p95',
  previous: 'compared with the period before',
  against: 'compared with another period',
  idle: 'what is one conversation yet',
  zone: 'whose days and clock are meant',
  where: 'a filter; comes last',
  bits: 'bits; over time bits a second',
  distinct: 'how many different values',
  max: 'the largest bin',
  p95: '95th percentile of the bins',
  p99: '99th percentile of the bins',
  total: 'the sum',
  any: 'every flow',
  not: 'the opposite',
  and: 'both hold',
  or: 'one of them holds',
  in: 'one of a list',
  exists: 'the flow has it at all',
  pair: 'both addresses, whichever sends',
};
