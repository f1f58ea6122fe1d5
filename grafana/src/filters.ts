import { quote } from './language/quote';
import { whereOf, withWhere } from './language/question';
import { andWhere, hasTerm, withoutTerm } from './language/terms';
import { wholeName } from './language/tokens';
import { WeirQuery } from './types';

/** What is shown where a flow doesn't have a column. */
export const none = '(none)';

/** termOf writes that a field has a value, or hasn't; undefined: no filter can say that. */
export function termOf(key: string, value: string, not: boolean): string | undefined {
  if (!wholeName.test(key)) {
    return undefined;
  }
  if (value === none) {
    return not ? `${key} exists` : `not ${key} exists`;
  }
  try {
    return `${key} ${not ? '!=' : '='} ${quote(value)}`;
  } catch {
    return undefined;
  }
}

/** addFilter adds to a query's filter that a field has a value, or hasn't. */
export function addFilter(query: WeirQuery, key: string, value: string, not: boolean): WeirQuery {
  const term = termOf(key, value, not);
  const opposite = termOf(key, value, !not);
  if (term === undefined || opposite === undefined) {
    return query;
  }
  const where = withoutTerm(whereOf(query), opposite);
  return withWhere(query, hasTerm(where, term) ? where : andWhere(where, term));
}

/** toggleFilter adds it, or takes it away where it is there. */
export function toggleFilter(query: WeirQuery, key: string, value: string, not: boolean): WeirQuery {
  const term = termOf(key, value, not);
  if (term !== undefined && hasTerm(whereOf(query), term)) {
    return withWhere(query, withoutTerm(whereOf(query), term));
  }
  return addFilter(query, key, value, not);
}

/** hasFilter tells whether it is there. */
export function hasFilter(query: WeirQuery, key: string, value: string): boolean {
  const term = termOf(key, value, false);
  return term !== undefined && hasTerm(whereOf(query), term);
}
