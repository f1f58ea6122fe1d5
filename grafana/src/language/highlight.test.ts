import { highlight } from './highlight';
import { fields, language } from './testing';
import { hasVariables, tokenize } from './tokens';

/** classes writes what pieces are, without what is plain. */
const classes = (text: string, language: 'question' | 'filter') =>
  highlight(text, language, fields)
    .filter((s) => s.class !== 'plain')
    .map((s) => `${s.class}:${s.text}`);

test('pieces make up the text', () => {
  for (const text of ['', ' top  10 src by ünits where a ~ "x y" # end', '"open', 'a𝒳b €', "top $x [[y]] ${z:raw} '"]) {
    expect(
      highlight(text, 'question', fields)
        .map((s) => s.text)
        .join('')
    ).toBe(text);
  }
});

test('a question', () => {
  expect(
    classes(
      'top 10 dst port, src ip/24/48 by bits p95, distinct dst last 1h every 5min where src net 10/8 and not port in [80 443] # dns',
      'question'
    )
  ).toEqual([
    'keyword:top',
    'value:10',
    'field:dst',
    'field:port',
    'operator:,',
    'field:src',
    'field:ip/24/48',
    'keyword:by',
    'keyword:bits',
    'keyword:p95',
    'operator:,',
    'keyword:distinct',
    'field:dst',
    'keyword:last',
    'value:1h',
    'keyword:every',
    'value:5min',
    'keyword:where',
    'field:src',
    'field:net',
    'value:10/8',
    'keyword:and',
    'keyword:not',
    'field:port',
    'operator:in',
    'operator:[',
    'value:80',
    'value:443',
    'operator:]',
    'comment:# dns',
  ]);
});

test('a filter', () => {
  expect(
    classes(
      '(src and dst port 53 or app_name ~ "^goo") and dscp le and start >= 2026-11-26T12:00:00Z and ip 10.0.0.0 255.0.0.0',
      'filter'
    )
  ).toEqual([
    'operator:(',
    'field:src',
    'keyword:and',
    'field:dst',
    'field:port',
    'value:53',
    'keyword:or',
    'field:app_name',
    'operator:~',
    'text:"^goo"',
    'operator:)',
    'keyword:and',
    'field:dscp',
    'value:le',
    'keyword:and',
    'field:start',
    'operator:>=',
    'value:2026-11-26T12:00:00Z',
    'keyword:and',
    'field:ip',
    'value:10.0.0.0',
    'value:255.0.0.0',
  ]);
});

test('variables, macros and elements without a column', () => {
  expect(classes('$__in(src ip, ${host}) and natEvent2 = 4 and $filter', 'filter')).toEqual([
    'variable:$__in',
    'operator:(',
    'field:src',
    'field:ip',
    'operator:,',
    'variable:${host}',
    'operator:)',
    'keyword:and',
    'operator:=',
    'value:4',
    'keyword:and',
    'variable:$filter',
  ]);
});

test('what is not understood does no harm', () => {
  for (const text of [
    ') ] = and or',
    'port = = =',
    'in [',
    'port in [',
    'src and dst',
    'not not (',
    '((((',
    '€ port',
  ]) {
    expect(() => highlight(text, 'filter', fields)).not.toThrow();
    expect(() => highlight('top ' + text, 'question', fields)).not.toThrow();
  }
});

test('a quote that nothing ends is bad to the end', () => {
  expect(tokenize(`a "b c`).map((t) => [t.kind, t.text])).toEqual([
    ['word', 'a'],
    ['bad', '"b c'],
  ]);
});

test('hasVariables', () => {
  expect(hasVariables('port $x')).toBe(true);
  expect(hasVariables('app "a $x"')).toBe(true);
  expect(hasVariables('port [[x]]')).toBe(true);
  expect(hasVariables('app ~ "^a$"')).toBe(false);
});

test('all of what is right has a colour', () => {
  const all = [
    ...language.examples,
    ...language.questions.map((q) => q.question),
    ...language.terms.map((t) => `top where ${t.where}`),
  ];
  for (const text of all) {
    const plain = highlight(text, 'question', fields).filter(
      (s) => ['plain', 'bad'].includes(s.class) && s.text.trim() !== ''
    );
    expect([text, plain]).toEqual([text, []]);
  }
});
