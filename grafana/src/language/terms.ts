import { FieldInfo } from '../types';
import { Fields } from './fields';
import { quote } from './quote';
import { Token, tokenize } from './tokens';
import { comparisons, signs } from './words';

/** How a row of the builder compares a field. */
export type Operator =
  'has' | '=' | '!=' | '<' | '<=' | '>' | '>=' | '~' | '!~' | 'in' | 'not in' | 'exists' | 'not exists';

/** A term of a filter: a row of the builder. */
export interface Term {
  field: string;
  operator: Operator;
  values: string[];
}

/** A filter as terms that all hold, and the rest of it, which holds as well. */
export interface Where {
  terms: Term[];
  rest: string;
}

const plain: Record<string, Operator> = { '==': '=', eq: '=', ne: '!=', lt: '<', le: '<=', gt: '>', ge: '>=' };

/** operatorsFor are those that a row offers. */
export function operatorsFor(f: FieldInfo | undefined): Operator[] {
  if (!f) {
    return ['=', '!=', 'in', 'not in', '<', '<=', '>', '>=', '~', '!~', 'exists', 'not exists'];
  }
  const all: Operator[] = f.name === 'flags' ? ['has', '=', '!='] : f.kind === 'none' ? [] : ['=', '!='];
  if (f.kind !== 'none') {
    all.push('in', 'not in');
  }
  if (f.ordered && f.name !== 'flags') {
    all.push('<', '<=', '>', '>=');
  }
  if (f.kind === 'text') {
    all.push('~', '!~');
  }
  if (f.group) {
    all.push('exists', 'not exists');
  }
  return all;
}

/** takes tells how many values an operator compares with. */
export function takes(operator: Operator): 'none' | 'one' | 'many' {
  switch (operator) {
    case 'exists':
    case 'not exists':
      return 'none';
    case 'in':
    case 'not in':
      return 'many';
  }
  return 'one';
}

/** isWhole tells whether a term says something. */
export function isWhole(t: Term): boolean {
  return t.field !== '' && (takes(t.operator) === 'none' || t.values.some((v) => v !== ''));
}

/** valueText writes a value; one that holds variables is theirs, and stays as it is. */
function valueText(v: string): string {
  const tokens = tokenize(v);
  return tokens.length === 1 && tokens[0].kind === 'variable' ? v : quote(v);
}

/** writeTerm writes a whole term. */
export function writeTerm({ field, operator, values }: Term): string {
  const one = () => valueText(values[0]);
  const list = () =>
    `[${values
      .filter((v) => v !== '')
      .map(valueText)
      .join(' ')}]`;
  switch (operator) {
    case 'has':
      return `${field} ${one()}`;
    case 'exists':
      return `${field} exists`;
    case 'not exists':
      return `not ${field} exists`;
    case 'in':
    case 'not in': {
      const variable = values.length === 1 && tokenize(values[0])[0]?.kind === 'variable';
      const term = variable ? `$__in(${field}, ${values[0]})` : `${field} in ${list()}`;
      return operator === 'in' ? term : `not ${term}`;
    }
  }
  return `${field} ${operator} ${one()}`;
}

/** joinWhere writes a filter. */
export function joinWhere({ terms, rest }: Where): string {
  const all = terms.filter(isWhole).map(writeTerm);
  if (all.length === 0 || rest.trim() === '') {
    return all.join(' and ') || rest;
  }
  return [...all, operand(rest)].join(' and ');
}

/** operand writes a filter so that "and" may stand beside it. */
function operand(text: string): string {
  const tokens = tokenize(text);
  const comment = tokens.some((t) => t.kind === 'comment');
  return segments(tokens) === undefined || comment ? `(${text}${comment ? '\n' : ''})` : text.trim();
}

/** andWhere adds a condition to a filter. */
export function andWhere(where: string | undefined, term: string): string {
  return where?.trim() ? `${operand(where)} and ${term}` : term;
}

const canonical = (tokens: Token[]) => tokens.map((t) => t.text).join(' ');

/** conditions are the texts of what an "and" joins; all of it, if something else does. */
function conditions(where: string): Array<{ text: string; canonical: string }> {
  const tokens = tokenize(where);
  const parts = tokens.some((t) => t.kind === 'comment') ? undefined : segments(tokens);
  return (parts ?? [tokens])
    .filter((p) => p.length > 0)
    .map((p) => ({ text: where.slice(p[0].from, p[p.length - 1].to), canonical: canonical(p) }));
}

/** hasTerm tells whether a condition is one of those that an "and" joins. */
export function hasTerm(where: string | undefined, term: string): boolean {
  const wanted = canonical(tokenize(term));
  return conditions(where ?? '').some((c) => c.canonical === wanted);
}

/** withoutTerm drops a condition from a filter. */
export function withoutTerm(where: string | undefined, term: string): string {
  if (!hasTerm(where, term)) {
    return where ?? '';
  }
  const wanted = canonical(tokenize(term));
  return conditions(where ?? '')
    .filter((c) => c.canonical !== wanted)
    .map((c) => c.text)
    .join(' and ');
}

/** segments cuts tokens where an "and" joins; undefined: something else does. */
function segments(tokens: Token[]): Token[][] | undefined {
  const all: Token[][] = [[]];
  let depth = 0;
  for (const [i, t] of tokens.entries()) {
    const word = t.kind === 'word' || t.kind === 'sign' ? t.text.toLowerCase() : '';
    depth += '(['.includes(word || ' ') ? 1 : ')]'.includes(word || ' ') ? -1 : 0;
    if (depth < 0) {
      return undefined;
    }
    if (depth === 0 && (word === 'or' || word === '||')) {
      return undefined;
    }
    if (depth === 0 && (word === 'and' || word === '&&')) {
      const side = /^(src|dst)$/i;
      const here = all[all.length - 1];
      const alone = here.length === 1 && side.test(here[0].text);
      if (alone && side.test(tokens[i + 1]?.text ?? '')) {
        return undefined; // src and dst port 53
      }
      all.push([]);
    } else {
      all[all.length - 1].push(t);
    }
  }
  return depth === 0 ? all : undefined;
}

/** splitWhere takes a filter apart. What it doesn't understand is the rest. */
export function splitWhere(where: string | undefined, fields: Fields): Where {
  const text = where ?? '';
  const tokens = tokenize(text);
  const parts = tokens.some((t) => t.kind === 'comment' || t.kind === 'bad') ? undefined : segments(tokens);
  if (!parts || parts.some((p) => p.length === 0)) {
    return { terms: [], rest: text };
  }
  const terms: Term[] = [];
  const rest: string[] = [];
  for (const part of parts) {
    const term = readTerm(part, fields);
    if (term) {
      terms.push(term);
    } else {
      rest.push(text.slice(part[0].from, part[part.length - 1].to));
    }
  }
  return { terms, rest: rest.length === 1 ? unwrap(rest[0]) : rest.join(' and ') };
}

/** unwrap drops the brackets around a whole filter. */
function unwrap(text: string): string {
  const tokens = tokenize(text);
  const inner = tokens.slice(1, -1);
  const whole = tokens.length > 2 && tokens[0].text === '(' && tokens[tokens.length - 1].text === ')';
  if (!whole) {
    return text;
  }
  let depth = 0;
  for (const t of inner) {
    depth += t.kind !== 'sign' ? 0 : t.text === '(' ? 1 : t.text === ')' ? -1 : 0;
    if (depth < 0) {
      return text;
    }
  }
  return text.slice(tokens[0].to, tokens[tokens.length - 1].from).trim();
}

/** valueOf is what a token stands for. */
const valueOf = (t: Token) => (t.kind === 'quoted' ? t.text.slice(1, -1) : t.text);
const isValue = (t: Token | undefined) => t !== undefined && ['word', 'quoted', 'variable'].includes(t.kind);

function readTerm(tokens: Token[], fields: Fields): Term | undefined {
  let at = 0;
  const not = tokens[0].text.toLowerCase() === 'not' || tokens[0].text === '!';
  if (not) {
    at++;
  }
  if (tokens[at]?.text === '$__in') {
    return readIn(tokens.slice(at), fields, not);
  }
  const words = tokens.slice(at).map((t) => (t.kind === 'word' ? t.text : ''));
  const end = words.indexOf('');
  const found = fields.longest(end < 0 ? words : words.slice(0, end));
  if (!found) {
    return undefined;
  }
  const field = words.slice(0, found.length).join(' ');
  at += found.length;
  const rest = tokens.slice(at);
  const sign = rest[0]?.kind === 'quoted' ? '' : (rest[0]?.text.toLowerCase() ?? '');
  if (sign === 'exists' && rest.length === 1) {
    return { field, operator: not ? 'not exists' : 'exists', values: [] };
  }
  if (sign === 'in' && rest[1]?.text === '[' && rest[rest.length - 1].text === ']') {
    const inner = rest.slice(2, -1).filter((t) => !(t.kind === 'sign' && t.text === ','));
    if (inner.length === 0 || !inner.every(isValue)) {
      return undefined;
    }
    return { field, operator: not ? 'not in' : 'in', values: inner.map(valueOf) };
  }
  if (not) {
    return undefined;
  }
  if (rest.length === 2 && isValue(rest[1]) && (signs.includes(sign) || comparisons.includes(sign))) {
    return { field, operator: plain[sign] ?? (sign as Operator), values: [valueOf(rest[1])] };
  }
  if (rest.length === 1 && isValue(rest[0])) {
    return { field, operator: found.field.name === 'flags' ? 'has' : '=', values: [valueOf(rest[0])] };
  }
  return undefined;
}

/** readIn reads $__in(field, $variable). */
function readIn(tokens: Token[], fields: Fields, not: boolean): Term | undefined {
  const comma = tokens.findIndex((t) => t.kind === 'sign' && t.text === ',');
  const field = tokens
    .slice(2, comma)
    .map((t) => t.text)
    .join(' ');
  const whole = tokens[1]?.text === '(' && comma > 2 && tokens.length === comma + 3 && tokens[comma + 2].text === ')';
  if (!whole || tokens[comma + 1].kind !== 'variable' || !fields.named(field)) {
    return undefined;
  }
  return { field, operator: not ? 'not in' : 'in', values: [tokens[comma + 1].text] };
}
