import { accept, complete, namedValues, valueItems } from './complete';
import { fields } from './testing';
import { Language } from './walk';

/** at completes where the | is. */
function at(marked: string, language: Language = 'question') {
  const caret = marked.indexOf('|');
  const text = marked.slice(0, caret) + marked.slice(caret + 1);
  const c = complete(text, caret, language, fields);
  return { ...c, text, labels: c.items.map((i) => i.label) };
}

/** taken is the text when the item of that label is accepted. */
function taken(marked: string, label: string, language: Language = 'question') {
  const c = at(marked, language);
  const item = c.items.find((i) => i.label === label);
  if (!item) {
    throw new Error(`${label} is not among ${c.labels.join(', ')}`);
  }
  const { text, caret } = accept(c.text, c, item);
  return text.slice(0, caret) + '|' + text.slice(caret);
}

describe('a question', () => {
  it('begins with what is shown', () => {
    expect(at('|').labels).toEqual(['top', 'series', 'matrix', 'count', 'flows', 'conversations']);
    expect(at('se|').labels).toEqual(['series']);
    expect(taken('se|', 'series')).toBe('series |');
  });

  it('groups by columns', () => {
    expect(at('top 10 src_a|').labels).toContain('src_addr');
    expect(at('top 10 src |').labels).toEqual(expect.arrayContaining(['src ip', 'src port', 'src as', 'by', 'where']));
    expect(taken('top 10 src po|', 'src port')).toBe('top 10 src port |');
    expect(at('top 10 src ip |').labels).toEqual(expect.arrayContaining(['by', 'last', 'where']));
    expect(at('top 10 src ip |').labels).not.toContain('src port');
    expect(at('top 10 src ip, dst p|').labels).toContain('dst port');
    expect(at('top 10 src ip, |').labels).toEqual(expect.arrayContaining(['dst port', 'pair']));
    expect(at('top bp|').labels).not.toContain('bps'); // computed: nothing groups by it
    expect(taken('top src/|', 'src/24/48')).toBe('top src/24/48 |');
    expect(at('matrix src as |').labels).toContain('x');
    expect(at('count |').labels).toContain('src ip');
  });

  it('goes on with what was begun', () => {
    expect(taken('top 10 src | where port 53', 'src port')).toBe('top 10 src port |where port 53');
    expect(taken('top 10 src w|', 'where')).toBe('top 10 src where |');
  });

  it('has metrics, folds, spans and ranges', () => {
    expect(at('top src by |').labels).toEqual(['bits', 'bytes', 'packets', 'flows', 'distinct']);
    expect(at('top src by bits |').labels).toEqual(expect.arrayContaining(['p95', 'max', 'where']));
    expect(at('top src by bits, pa|').labels).toEqual(['packets']);
    expect(at('top src by distinct ds|').labels).toContain('dst ip');
    expect(at('count src by ex|').labels).toContain('exporter ip');
    expect(at('top src last |').labels).toEqual(['15min', '1h', '24h', '7d', 'hour', 'day', 'week', 'month']);
    expect(at('series src every |').labels).toContain('5min');
    expect(at('series src zone europe/ber|').labels).toEqual(['Europe/Berlin']);
  });
});

describe('a filter', () => {
  it('names fields, and goes on with what was begun', () => {
    expect(at('src po|', 'filter').labels[0]).toBe('src port');
    expect(taken('proto tcp and src po|', 'src port', 'filter')).toBe('proto tcp and src port |');
    expect(at('top 10 src where ex|').labels).toContain('exporter ip');
    expect(at('port|', 'filter').labels).toEqual(expect.arrayContaining(['port', 'src port', 'dst port']));
    expect(at('bp|', 'filter').labels).toContain('bps');
  });

  it('compares', () => {
    expect(at('bytes |', 'filter').labels).toEqual(expect.arrayContaining(['=', '>', 'in [ ]', 'exists']));
    expect(at('src ip |', 'filter').labels).not.toContain('>');
    expect(taken('dst port i|', 'in [ ]', 'filter')).toBe('dst port in [|');
    expect(at('dst port |', 'filter').valuesOf?.name).toBe('dst port');
    expect(at('src or dst port |', 'filter').valuesOf?.name).toBe('src port');
  });

  it('asks for values', () => {
    expect(at('proto = t|', 'filter')).toMatchObject({ prefix: 't', valuesOf: { name: 'proto' } });
    expect(at('dst port in [80 4|', 'filter')).toMatchObject({ prefix: '4', valuesOf: { name: 'dst port' } });
    expect(at('app_name = "goo g|"', 'filter')).toMatchObject({ prefix: 'goo g', from: 11, to: 18 });
    expect(at('proto ud|p and port 53', 'filter')).toMatchObject({ from: 6, to: 9 });
  });

  it('joins', () => {
    expect(at('proto tcp |', 'filter').labels).toEqual(['and', 'or']);
    expect(at('(proto tcp) |', 'filter').labels).toEqual(['and', 'or']);
    expect(at('port in [80] |', 'filter').labels).toEqual(['and', 'or']);
    expect(at('any |', 'filter').labels).toEqual(['and', 'or']);
    expect(at('$__in(src ip, $x) |', 'filter').labels).toEqual(['and', 'or']);
  });

  it('says nothing in comments, behind texts and in variables', () => {
    expect(at('proto tcp # and |', 'filter').labels).toEqual([]);
    expect(at('app_name "x"|', 'filter').labels).toEqual([]);
    expect(at('$ho|', 'filter').labels).toEqual([]);
  });
});

test('values are quoted as filters want it', () => {
  const [item] = valueItems(['Gi0/1 up', `both "and'`]);
  const c = complete('if_name = Gi', 12, 'filter', fields);
  expect(accept('if_name = Gi', c, item)).toEqual({ text: 'if_name = "Gi0/1 up" ', caret: 21 });
  expect(valueItems([`both "and'`])).toEqual([]);
});

test('names of values', () => {
  expect(namedValues(fields.named('proto')!, 'TC')).toEqual(['tcp']);
});
