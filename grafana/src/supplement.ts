import {
  DataQueryRequest,
  dateTime,
  LogRowContextOptions,
  LogRowContextQueryDirection,
  LogRowModel,
  SupplementaryQueryOptions,
  SupplementaryQueryType,
  TimeRange,
} from '@grafana/data';

import { isOwn, showOf, whereOf } from './language/question';
import { quote } from './language/quote';
import { WeirQuery } from './types';

/** How many flows a sample has. */
const sampled = 100;

/** supplementary returns what Explore shows beside a query's own answer: how many flows there were, or some of them. */
export function supplementary(
  { type, ...options }: SupplementaryQueryOptions,
  query: WeirQuery
): WeirQuery | undefined {
  const show = showOf(query);
  const { refId, datasource } = query;
  const where = whereOf(query) || undefined;
  if (query.hide || isOwn(show)) {
    return undefined;
  }
  if (type === SupplementaryQueryType.LogsVolume) {
    return show === 'flows'
      ? { refId: `log-volume-${refId}`, datasource, editor: 'builder', show: 'series', metrics: ['flows'], where }
      : undefined;
  }
  if (show === 'flows') {
    return undefined;
  }
  const limit = ('limit' in options && options.limit) || sampled;
  return { refId: `log-sample-${refId}`, datasource, editor: 'builder', show: 'flows', format: 'logs', limit, where };
}

export function supplementaryRequest(
  options: SupplementaryQueryOptions,
  request: DataQueryRequest<WeirQuery>
): DataQueryRequest<WeirQuery> | undefined {
  const targets = request.targets.flatMap((q) => supplementary(options, q) ?? []);
  return targets.length > 0 ? { ...request, targets, liveStreaming: false } : undefined;
}

/** How far around a flow others are looked for. */
const around = 10 * 60_000;

/** contextQuery asks for flows between the hosts of a row. */
export function contextQuery(row: LogRowModel, options?: LogRowContextOptions): WeirQuery | undefined {
  const { src_addr: src, dst_addr: dst, exporter } = row.labels;
  const query: WeirQuery = {
    refId: 'log-context',
    editor: 'builder',
    show: 'flows',
    format: 'logs',
    limit: options?.limit ?? 50,
  };
  if (src && dst) {
    const both = `[${quote(src)} ${quote(dst)}]`;
    return { ...query, where: `src ip in ${both} and dst ip in ${both}` };
  }
  return exporter ? { ...query, where: `exporter ip ${quote(exporter)}` } : undefined;
}

/** contextRange is the time before a row, or behind it. */
export function contextRange(row: LogRowModel, options?: LogRowContextOptions): TimeRange {
  const width = options?.timeWindowMs ?? around;
  const forward = options?.direction === LogRowContextQueryDirection.Forward;
  const from = dateTime(row.timeEpochMs - (forward ? 0 : width));
  const to = dateTime(row.timeEpochMs + (forward ? width : 1));
  return { from, to, raw: { from, to } };
}
