import { Fields } from './fields';
import { tokenize } from './tokens';
import { Class, Language, walk } from './walk';

/** A piece of a text, all of one class. */
export interface Span {
  text: string;
  from: number;
  class: Class;
}

/** highlight cuts a text into pieces, which together are the text. */
export function highlight(text: string, language: Language, fields: Fields): Span[] {
  const tokens = tokenize(text);
  const { classes } = walk(tokens, language, fields);
  const spans: Span[] = [];
  let at = 0;
  const add = (to: number, c: Class) => {
    if (to > at) {
      spans.push({ text: text.slice(at, to), from: at, class: c });
      at = to;
    }
  };
  tokens.forEach((t, i) => {
    add(t.from, 'plain');
    add(t.to, classes[i]);
  });
  add(text.length, 'plain');
  return spans;
}
