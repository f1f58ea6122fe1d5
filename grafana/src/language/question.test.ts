import { cutWhere, editorOf, questionOf, showOf, whereOf, withWhere } from './question';
import { language } from './testing';
import { clauses, metrics, shows } from './words';

test('the words are those of the backend', () => {
  expect({ shows, clauses, metrics }).toEqual(language.words);
});

test.each(language.questions)('$question', ({ parts, question }) => {
  expect(questionOf({ refId: 'A', ...parts })).toBe(question);
});

test.each([
  ['top 10 src where proto tcp or proto udp', 'top 10 src', 'proto tcp or proto udp'],
  ['top src WHERE\n any', 'top src', 'any'],
  ['top "where" src', 'top "where" src', ''],
  ['top src # where x', 'top src # where x', ''],
  ['', '', ''],
])('cutWhere cuts %p', (question, head, where) => {
  expect(cutWhere(question)).toEqual({ head, where });
});

test('a query’s filter is read and written in either form', () => {
  const parts = { refId: 'A', where: 'proto tcp' };
  const text = { refId: 'A', question: 'top src where proto tcp' };
  expect(whereOf(parts)).toBe('proto tcp');
  expect(whereOf(text)).toBe('proto tcp');
  expect(withWhere(parts, 'port 53').where).toBe('port 53');
  expect(withWhere(parts, '').where).toBeUndefined();
  expect(withWhere(text, 'port 53').question).toBe('top src where port 53');
  expect(withWhere(text, '').question).toBe('top src');
});

test('editorOf and showOf know queries from links', () => {
  expect(editorOf({ refId: 'A', show: 'flows' })).toBe('builder');
  expect(editorOf({ refId: 'A', question: 'flows' })).toBe('code');
  expect(editorOf({ refId: 'A', editor: 'builder', question: 'flows' })).toBe('builder');
  expect(showOf({ refId: 'A', question: 'Series 3 src' })).toBe('series');
  expect(showOf({ refId: 'A' })).toBe('top');
});
