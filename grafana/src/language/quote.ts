import { wholeWord } from './tokens';

/** Words that mean something where a value may stand. */
const taken = new Set(['and', 'or', 'not', 'in', 'any', 'exists', 'eq', 'ne', 'lt', 'le', 'gt', 'ge']);

/**
 * quote writes a value as a filter takes it: a text that is no single word in quotes.
 * There are no escapes, so that one with both kinds of quotes can't be written.
 */
export function quote(value: string): string {
  if (wholeWord.test(value) && !taken.has(value.toLowerCase())) {
    return value;
  }
  if (!value.includes('"')) {
    return `"${value}"`;
  }
  if (!value.includes("'")) {
    return `'${value}'`;
  }
  throw new Error(`A filter can't have a value with both kinds of quotes: ${value}`);
}

/** quoteAll writes several values as a list, and one alone. */
export function quoteAll(values: string[]): string {
  return values.length === 1 ? quote(values[0]) : `[${values.map(quote).join(' ')}]`;
}
