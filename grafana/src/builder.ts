import { Format, Show, WeirQuery } from './types';

/** A metric, apart: bits p95, distinct src ip. */
export interface Metric {
  of: string;
  /** Of distinct: which column's values count. */
  column: string;
  /** What is made of the bins: empty (all of it), max or p and a number. */
  fold: string;
}

export function readMetric(text: string): Metric {
  const distinct = /^distinct\s*(.*)$/i.exec(text.trim());
  if (distinct) {
    return { of: 'distinct', column: distinct[1], fold: '' };
  }
  const [of = 'bits', fold = ''] = text.trim().split(/\s+/);
  return { of, column: '', fold: fold === 'total' ? '' : fold };
}

export function writeMetric({ of, column, fold }: Metric): string {
  return [of, of === 'distinct' ? column || 'src ip' : fold].filter(Boolean).join(' ');
}

export interface Choice<T extends string> {
  value: T;
  label: string;
  description?: string;
}

export const showChoices: Array<Choice<Show>> = [
  { value: 'series', label: 'Time series', description: 'Rates over time, a line for each group' },
  { value: 'top', label: 'Top table', description: 'The largest groups, with sums over the range' },
  { value: 'matrix', label: 'Matrix', description: 'Who talks to whom: one column by another' },
  { value: 'conversations', label: 'Conversations', description: 'Both directions of each connection' },
  { value: 'flows', label: 'Flow records', description: 'As exporters sent them' },
  { value: 'count', label: 'Count', description: 'How many different values there are' },
  { value: 'findings', label: 'Findings', description: 'What detectors have found' },
  { value: 'exporters', label: 'Exporters', description: 'Who sends, what is missing, and what to do' },
];

const formatNames: Array<Choice<Format>> = [
  { value: '', label: 'Usual' },
  { value: 'table', label: 'Table' },
  { value: 'logs', label: 'Logs' },
  { value: 'nodegraph', label: 'Node graph' },
  { value: 'sankey', label: 'Sankey' },
  { value: 'heatmap', label: 'Heatmap' },
  { value: 'geo', label: 'Geomap' },
  { value: 'annotations', label: 'Annotations' },
];

const formatsOf: Record<Show, Format[]> = {
  series: ['', 'table', 'heatmap'],
  top: ['', 'table', 'nodegraph', 'sankey', 'geo'],
  matrix: ['', 'table', 'nodegraph', 'sankey', 'geo'],
  conversations: ['', 'table'],
  flows: ['', 'table', 'logs'],
  count: ['', 'table'],
  findings: ['', 'table', 'annotations'],
  exporters: ['', 'table'],
};

/** formatChoices are the formats that an answer can have; all, if it isn't known what is shown. */
export function formatChoices(show: Show | undefined): Array<Choice<Format>> {
  const some = show && formatsOf[show];
  return some ? formatNames.filter((f) => some.includes(f.value)) : formatNames;
}

/** What each kind of answer takes of the builder. */
export const parts: Record<
  Show,
  { columns: boolean; metrics: boolean; folds: boolean; filter: boolean; compare: boolean; sides: boolean }
> = {
  series: { columns: true, metrics: true, folds: true, filter: true, compare: false, sides: true },
  top: { columns: true, metrics: true, folds: true, filter: true, compare: true, sides: true },
  matrix: { columns: true, metrics: true, folds: true, filter: true, compare: true, sides: false },
  conversations: { columns: false, metrics: true, folds: false, filter: true, compare: false, sides: false },
  flows: { columns: false, metrics: true, folds: false, filter: true, compare: false, sides: false },
  count: { columns: true, metrics: true, folds: false, filter: true, compare: false, sides: false },
  findings: { columns: false, metrics: false, folds: false, filter: false, compare: false, sides: false },
  exporters: { columns: false, metrics: false, folds: false, filter: false, compare: false, sides: false },
};

/** showing returns a query that shows something else, without what doesn't go with that. */
export function showing(query: WeirQuery, show: Show): WeirQuery {
  const takes = parts[show];
  const all = (query.metrics ?? []).map(readMetric);
  let metrics = all.filter((m) => (show === 'count') === (m.of === 'distinct') || (takes.folds && m.of === 'distinct'));
  if (!takes.folds) {
    metrics = metrics.map((m) => ({ ...m, fold: '' }));
  }
  if (show === 'flows' || show === 'conversations') {
    metrics = metrics.slice(0, 1);
  }
  if (metrics.length === 0) {
    const usual: Partial<Record<Show, string[]>> = {
      series: ['bits'],
      top: ['bytes'],
      matrix: ['bytes'],
      count: ['distinct src ip'],
    };
    metrics = (usual[show] ?? []).map(readMetric);
  }
  let by = takes.columns ? query.by : undefined;
  if (show === 'matrix') {
    by = [...(by ?? []).filter((c) => c !== 'pair'), 'src ip', 'dst ip']
      .filter((c, i, a) => a.indexOf(c) === i)
      .slice(0, 2);
  }
  const format = query.format && formatsOf[show].includes(query.format) ? query.format : undefined;
  return {
    ...query,
    show,
    by,
    metrics: takes.metrics && metrics.length > 0 ? metrics.map(writeMetric) : undefined,
    format,
    previous: takes.compare ? query.previous : undefined,
    against: takes.compare ? query.against : undefined,
    both: takes.sides ? query.both : undefined,
    present: takes.folds ? query.present : undefined,
    every: takes.folds ? query.every : undefined,
    idle: show === 'conversations' ? query.idle : undefined,
  };
}
