import { Verdict } from '../types';
import { hasVariables } from './tokens';

/**
 * placeOf returns which part of a text a mistake is about. Where variables stand in the
 * text there is none: the backend has seen another one.
 */
export function placeOf(text: string, { line, column, caret }: Verdict): { from: number; to: number } | undefined {
  if (!line || !column || hasVariables(text)) {
    return undefined;
  }
  const lines = text.split('\n');
  if (line > lines.length) {
    return undefined;
  }
  const before = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0);
  const characters = Array.from(lines[line - 1]); // columns count them
  const width = /\^+/.exec(caret?.split('\n')[1] ?? '')?.[0].length ?? 1;
  const from = before + characters.slice(0, column - 1).join('').length;
  const to = from + characters.slice(column - 1, column - 1 + width).join('').length;
  return { from, to: Math.max(to, from) };
}
