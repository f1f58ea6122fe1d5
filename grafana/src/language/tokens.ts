/**
 * A piece of a question's or a filter's text. Dashboards put variables and macros into
 * them, which the language itself doesn't know.
 */
export interface Token {
  kind: 'word' | 'quoted' | 'sign' | 'comment' | 'variable' | 'bad';
  text: string;
  from: number;
  to: number;
}

/**
 * A character of a word. It is written as text: a build for old browsers would spell all
 * letters out.
 */
const character = '[\\p{L}\\p{Nd}_.:/+-]';

/** The rest of a word. */
export const restOfWord = new RegExp(`^${character}*`, 'u');

/** A whole word. */
export const wholeWord = new RegExp(`^${character}+$`, 'u');

/** Words with a space between each two: what the name of a field looks like. */
export const wholeName = new RegExp(`^${character}+( ${character}+)*$`, 'u');

const patterns: Array<[Token['kind'], RegExp]> = [
  ['comment', /#[^\n]*/y],
  ['variable', /\$\{[^}]*\}|\$\w+|\[\[\w+(?::\w+)?\]\]/y],
  ['word', new RegExp(`${character}+`, 'uy')],
  ['quoted', /"[^"]*"|'[^']*'/y],
  ['sign', /==|!=|<=|>=|!~|&&|\|\||[=<>~!()[\],]/y],
];

const space = /\s+/y;

/** tokenize cuts a text into tokens. A quote that nothing ends makes a bad one of the rest. */
export function tokenize(text: string): Token[] {
  const all: Token[] = [];
  for (let at = 0; at < text.length;) {
    space.lastIndex = at;
    if (space.test(text)) {
      at = space.lastIndex;
      continue;
    }
    let token: Token | undefined;
    for (const [kind, pattern] of patterns) {
      pattern.lastIndex = at;
      const match = pattern.exec(text);
      if (match) {
        token = { kind, text: match[0], from: at, to: at + match[0].length };
        break;
      }
    }
    if (!token) {
      const to =
        text[at] === '"' || text[at] === "'" ? text.length : at + String.fromCodePoint(text.codePointAt(at)!).length;
      token = { kind: 'bad', text: text.slice(at, to), from: at, to };
    }
    all.push(token);
    at = token.to;
  }
  return all;
}

/** hasVariables tells whether a dashboard's variables or macros are in a text. */
export function hasVariables(text: string): boolean {
  return tokenize(text).some((t) => t.kind === 'variable') || /["'][^"']*(\$\w|\$\{|\[\[)/.test(text);
}
