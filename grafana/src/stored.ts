import { Show, WeirQuery } from './types';

/** A query of the first kind: the backend answers it as it always has. */
interface First {
  type?: 'timeseries' | 'top' | 'flows';
  metric?: string;
  groupBy?: string[];
  filter?: string;
}

const shows: Record<NonNullable<First['type']>, Show> = { timeseries: 'series', top: 'top', flows: 'flows' };

/**
 * readStored returns a panel's query as editors know it: what is null isn't there, and one
 * of the first kind has the parts that ask the same. It is not stored so until somebody
 * changes it.
 */
export function readStored(stored: WeirQuery): WeirQuery {
  const query = Object.fromEntries(Object.entries(stored).filter(([, value]) => value !== null)) as WeirQuery & First;
  const { type, metric, groupBy, filter, ...rest } = query;
  const { question, show, by, metrics, where } = rest;
  const none = (...all: unknown[]) => all.every((x) => x === undefined);
  if (none(type, metric, groupBy, filter) || !none(question, show, by, metrics, where)) {
    return query;
  }
  const now = shows[type ?? 'timeseries'] ?? 'series';
  const grouped = now !== 'flows';
  return {
    ...rest,
    show: now,
    by: grouped ? groupBy : undefined,
    metrics: grouped ? [metric ?? 'bits'] : undefined,
    where: filter || undefined,
  };
}
