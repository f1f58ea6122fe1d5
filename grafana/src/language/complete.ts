import { FieldInfo } from '../types';
import { Fields } from './fields';
import { quote } from './quote';
import { restOfWord, tokenize } from './tokens';
import { Language, Next, walk } from './walk';
import { about, clauses, folds, metrics, periods, shows } from './words';

/** Something that may stand where the caret is. */
export interface Item {
  label: string;
  insert: string;
  detail?: string;
  kind: 'keyword' | 'field' | 'operator' | 'value';
}

/** What may be written at the caret, in place of what is from from to to. */
export interface Completion {
  from: number;
  to: number;
  /** What was written of it. */
  prefix: string;
  items: Item[];
  /** Values of this field that begin with prefix may stand here, too. */
  valuesOf?: FieldInfo;
}

/** complete says what may be written at the caret. */
export function complete(text: string, caret: number, language: Language, fields: Fields): Completion {
  const before = text.slice(0, caret);
  const tokens = tokenize(before);
  const last = tokens[tokens.length - 1];
  const nothing: Completion = { from: caret, to: caret, prefix: '', items: [] };
  let from = caret;
  let to = caret;
  let prefix = '';
  if (last?.to === caret) {
    const quoted = last.kind === 'bad' && /^["']/.test(last.text);
    if (last.kind === 'comment' || last.kind === 'variable' || last.kind === 'quoted') {
      return nothing;
    }
    if (last.kind === 'word' || quoted) {
      tokens.pop();
      from = last.from;
      prefix = quoted ? last.text.slice(1) : last.text;
      to = caret + (quoted ? 0 : restOfWord.exec(text.slice(caret))![0].length);
      if (quoted && text[caret] === last.text[0]) {
        to++;
      }
    }
  }
  const { next, phraseFrom } = walk(tokens, language, fields);
  const all: Completion = { from, to, prefix, items: itemsOf(next, prefix, fields) };
  if (next.at === 'value' || next.at === 'operator') {
    all.valuesOf = next.field;
  }
  if ('phrase' in next && next.phrase !== '') {
    // What goes on with the words before replaces them.
    const longer = fieldsLike(`${next.phrase} ${prefix}`, fields, next.at === 'columns' || next.at === 'column');
    if (longer.length > 0) {
      const begun = text.slice(phraseFrom, from);
      const keep = all.items.filter((i) => i.kind !== 'field').map((i) => ({ ...i, insert: begun + i.insert }));
      return { ...all, from: phraseFrom, items: [...longer, ...keep] };
    }
  }
  return all;
}

/** keywords are those that begin with prefix. */
function keywords(words: string[], prefix: string): Item[] {
  return words
    .filter((w) => w.startsWith(prefix.toLowerCase()))
    .map((w) => ({ label: w, insert: `${w} `, detail: about[w], kind: 'keyword' }));
}

function detailOf(f: FieldInfo): string {
  return [f.kind === 'none' ? 'list' : f.kind, f.unit, f.doc].filter(Boolean).join(', ');
}

/** fieldsLike returns fields with a name that begins with prefix, then those with a word in it that does. */
export function fieldsLike(prefix: string, fields: Fields, grouping: boolean): Item[] {
  const start = prefix.toLowerCase();
  const found: Item[][] = [[], [], []];
  for (const f of fields.all) {
    if (grouping ? !f.group : !f.filter) {
      continue;
    }
    const names = [f.name, ...(f.names ?? [])];
    const name = names.find((n) => n.toLowerCase().startsWith(start));
    const inner = names.find((n) =>
      n
        .toLowerCase()
        .split(/[ _.]/)
        .some((w) => w.startsWith(start))
    );
    if (name ?? inner) {
      const label = (name ?? inner)!;
      const detail = label === f.name ? detailOf(f) : [f.name, detailOf(f)].join(', ');
      found[name === f.name ? 0 : name ? 1 : 2].push({ label, insert: `${label} `, detail, kind: 'field' });
    }
  }
  return found.flat();
}

/** lengths are prefixes of an address column that is followed by a slash. */
function lengths(prefix: string, fields: Fields): Item[] {
  const [name, ...rest] = prefix.split('/');
  if (rest.length === 0 || fields.column(name)?.kind !== 'address') {
    return [];
  }
  return ['24/48', '24', '16/32', '8']
    .map((l) => `${name}/${l}`)
    .filter((l) => l.startsWith(prefix))
    .map((l) => ({ label: l, insert: `${l} `, detail: 'networks, of IPv4 and of IPv6', kind: 'field' }));
}

const spans: Record<string, string[]> = { every: ['1min', '5min', '1h', '1d'], idle: ['30s', '1min', '5min'] };

function itemsOf(next: Next, prefix: string, fields: Fields): Item[] {
  switch (next.at) {
    case 'show':
      return keywords(shows, prefix);
    case 'columns':
    case 'column': {
      const columns = [...lengths(prefix, fields), ...fieldsLike(prefix, fields, true)];
      if (next.show !== 'distinct') {
        columns.push(...keywords(['pair'], prefix));
      }
      if (next.at === 'column') {
        return columns;
      }
      if (next.some) {
        return [...keywords(next.show === 'matrix' ? ['x'] : [], prefix), ...keywords(clauses, prefix)];
      }
      return next.show === 'top' || next.show === 'series' ? [...columns, ...keywords(clauses, prefix)] : columns;
    }
    case 'metric':
      return keywords(metrics, prefix);
    case 'fold':
      return keywords([...folds, ...clauses.filter((c) => c !== 'by')], prefix);
    case 'range':
      return keywords([...(next.word === 'last' ? ['15min', '1h', '24h', '7d'] : []), ...periods], prefix);
    case 'span':
      return keywords(spans[next.word], prefix);
    case 'zone':
      return zones()
        .filter((z) => z.toLowerCase().includes(prefix.toLowerCase()))
        .map((z) => ({ label: z, insert: `${z} `, kind: 'value' }));
    case 'moment':
      return keywords(['now'], prefix);
    case 'clause':
      return keywords(clauses, prefix);
    case 'term':
      return [...fieldsLike(prefix, fields, false), ...keywords(['not', 'any', 'ipv4', 'ipv6'], prefix)];
    case 'operator':
      return prefix === '' || 'in'.startsWith(prefix) || 'exists'.startsWith(prefix)
        ? operatorsOf(next.field, prefix)
        : [];
    case 'value':
      return [];
    case 'joint':
      return keywords(['and', 'or'], prefix);
  }
}

function zones(): string[] {
  return typeof Intl.supportedValuesOf === 'function' ? ['UTC', ...Intl.supportedValuesOf('timeZone')] : ['UTC'];
}

/** operatorsOf are those that compare a field. */
export function operatorsOf(f: FieldInfo, prefix: string): Item[] {
  const all = f.kind === 'none' ? [] : ['=', '!='];
  if (f.ordered) {
    all.push('<', '<=', '>', '>=');
  }
  if (f.kind === 'text') {
    all.push('~', '!~');
  }
  const items: Item[] = prefix === '' ? all.map((o) => ({ label: o, insert: `${o} `, kind: 'operator' })) : [];
  if (f.kind !== 'none' && 'in'.startsWith(prefix)) {
    items.push({ label: 'in [ ]', insert: 'in [', detail: about.in, kind: 'operator' });
  }
  if (f.group && 'exists'.startsWith(prefix)) {
    items.push({ label: 'exists', insert: 'exists ', detail: about.exists, kind: 'operator' });
  }
  return items;
}

/** valueItems are values as a filter takes them. One with both kinds of quotes can't be written. */
export function valueItems(values: string[]): Item[] {
  return values.flatMap((v): Item[] => {
    try {
      return [{ label: v, insert: `${quote(v)} `, kind: 'value' }];
    } catch {
      return [];
    }
  });
}

/** namedValues are names of a field's values that begin with prefix. */
export function namedValues(f: FieldInfo, prefix: string): string[] {
  return (f.values ?? []).filter((v) => v.toLowerCase().startsWith(prefix.toLowerCase()));
}

/** accept writes an item in place of what is there, and says where the caret is then. */
export function accept(text: string, { from, to }: Completion, item: Item): { text: string; caret: number } {
  const after = text.slice(to);
  const spaced = item.insert.endsWith(' ');
  const insert = spaced && /^[\s)\],]/.test(after) ? item.insert.slice(0, -1) : item.insert;
  const over = spaced && /^\s/.test(after) ? 1 : 0; // what comes next is typed behind the space
  return { text: text.slice(0, from) + insert + after, caret: from + insert.length + over };
}
