import { AdHocVariableFilter, ScopedVars } from '@grafana/data';
import { getTemplateSrv } from '@grafana/runtime';

import { none, termOf } from './filters';
import { quote, quoteAll } from './language/quote';
import { hasVariables, tokenize } from './language/tokens';
import { andWhere } from './language/terms';
import { whereOf, withWhere } from './language/question';
import { Filter, WeirQuery } from './types';

/** formatValues writes a variable's values as filters take them. */
export function formatValues(value: unknown): string {
  const all = (Array.isArray(value) ? value : [value]).map(String).filter((v) => v !== '');
  return all.length === 0 ? '' : quoteAll(all);
}

const plainValues = (value: unknown) => (Array.isArray(value) ? value.join(',') : String(value));

/** replaceIn replaces a dashboard's variables; macros, which begin with $__, are the backend's. */
function replaceIn(text: string, scopedVars: ScopedVars, format: (value: unknown) => string): string {
  return text
    .split(/(\$__\w+)/)
    .map((part, i) => (i % 2 === 1 ? part : getTemplateSrv().replace(part, scopedVars, format)))
    .join('');
}

/** within writes a variable's value into a text that stands in quotes already. */
function within(mark: string) {
  return (value: unknown): string => {
    const all = (Array.isArray(value) ? value : [value]).map(String);
    if (all.length > 1) {
      throw new Error('Several values can’t stand in one pair of quotes: leave the quotes out');
    }
    const text = all[0] ?? '';
    if (text.includes(mark)) {
      throw new Error(`A value has the quotes that it stands in: leave the quotes around the variable out: ${text}`);
    }
    return text;
  };
}

/**
 * replaceVariables writes values into a question or a filter, in quotes where they need
 * them, and never out of those that are there. `${name:weir}` is what no format is, too.
 */
export function replaceVariables(text: string, scopedVars: ScopedVars): string {
  const usual = text.replace(/\$\{([\w.]+):weir\}/g, '${$1}').replace(/\[\[([\w.]+):weir\]\]/g, '[[$1]]');
  let out = '';
  let at = 0;
  for (const { kind, from, to, text: token } of tokenize(usual)) {
    if (kind === 'quoted' || kind === 'comment') {
      out += replaceIn(usual.slice(at, from), scopedVars, formatValues);
      out += kind === 'comment' ? token : replaceIn(token, scopedVars, within(token[0]));
      at = to;
    }
  }
  return out + replaceIn(usual.slice(at), scopedVars, formatValues);
}

/** interpolate writes the values of a dashboard's variables into a query. */
export function interpolate(query: WeirQuery, scopedVars: ScopedVars): WeirQuery {
  const out = { ...query };
  for (const key of ['question', 'where'] as const) {
    const text = out[key];
    if (text) {
      out[key] = replaceVariables(text, scopedVars);
    }
  }
  for (const key of ['every', 'class', 'severity', 'detector'] as const) {
    const text = out[key];
    if (text) {
      out[key] = replaceIn(text, scopedVars, plainValues);
    }
  }
  out.by = out.by?.flatMap((column) =>
    hasVariables(column)
      ? replaceIn(column, scopedVars, plainValues)
          .split(',')
          .map((c) => c.trim())
          .filter((c) => c !== '')
      : [column]
  );
  return out;
}

/**
 * A pattern that has nothing but values. Of a field that is no text it means one of them:
 * the backend, which knows the field, takes it as it is.
 */
const alternatives = /^\^?\(?(\?:)?[\w.:/\\-]+(\|[\w.:/\\-]+)*\)?\$?$/;

/** adhocTerm writes an ad-hoc filter as a term; undefined: no filter can say that. */
export function adhocTerm({ key, operator, value, values }: AdHocVariableFilter): string | undefined {
  try {
    switch (operator) {
      case '=':
      case '!=':
        return termOf(key, value, operator === '!=');
      case '=|':
      case '!=|': {
        const all = values ?? [value];
        if (all.length === 0 || all.includes(none)) {
          return undefined;
        }
        return `${operator === '!=|' ? 'not ' : ''}${key} in [${all.map(quote).join(' ')}]`;
      }
      case '=~':
      case '!~':
        return alternatives.test(value) ? undefined : `${key} ${operator === '=~' ? '~' : '!~'} ${quote(value)}`;
      case '<':
      case '>':
        return `${key} ${operator} ${quote(value)}`;
    }
  } catch {
    // It has both kinds of quotes.
  }
  return undefined;
}

/** unfold writes ad-hoc filters into the query's own filter, where somebody can see and change them. */
export function unfold(query: WeirQuery, filters: Filter[]): WeirQuery {
  const left: Filter[] = [];
  let out = query;
  for (const f of filters) {
    const term = adhocTerm(f);
    if (term === undefined) {
      left.push(f);
    } else {
      out = withWhere(out, andWhere(whereOf(out), term));
    }
  }
  const adhoc = [...(query.adhoc ?? []), ...left];
  return { ...out, adhoc: adhoc.length > 0 ? adhoc : undefined };
}
