import { quote, quoteAll } from './quote';
import { language } from './testing';

test.each(language.quotes)('quote writes $value as $text', ({ value, text }) => {
  expect(quote(value)).toBe(text);
});

test.each(language.lists)('quoteAll writes $values', ({ values, where }) => {
  expect(values.length === 1 ? `[${quoteAll(values)}]` : quoteAll(values)).toBe(where.replace('app_name in ', ''));
});

test('a value with both kinds of quotes is refused', () => {
  expect(() => quote(`a"b'c`)).toThrow('both kinds of quotes');
});
