import { Show, WeirQuery } from '../types';
import { tokenize } from './tokens';

/** editorOf tells in which editor a query is shown: those from links have none. */
export function editorOf(query: WeirQuery): 'builder' | 'code' {
  return query.editor ?? (query.question ? 'code' : 'builder');
}

/** questionOf writes a query's parts as a question. */
export function questionOf(query: WeirQuery): string {
  const { show = 'top', by = [], metrics = [], limit } = query;
  const counted = metrics.map((m) => /^distinct\s+(.*)$/i.exec(m)?.[1]);
  const words: string[] = [];
  if (show === 'count' && metrics.length > 0 && counted.every((c) => c !== undefined)) {
    words.push('count', ...(limit ? [String(limit)] : []), counted.join(', '));
    if (by.length > 0) {
      words.push('by', by.join(', '));
    }
  } else {
    words.push(show === 'count' ? 'top' : show, ...(limit ? [String(limit)] : []));
    if (by.length > 0) {
      words.push(by.join(show === 'matrix' ? ' x ' : ', '));
    }
    if (metrics.length > 0) {
      words.push('by', metrics.join(', '));
    }
  }
  const clause = (word: string, value?: string) => value && words.push(word, value);
  clause('every', query.every);
  for (const word of ['raw', 'dedup', 'both', 'present'] as const) {
    if (query[word]) {
      words.push(word);
    }
  }
  clause('idle', query.idle);
  if (query.previous) {
    words.push('previous');
  }
  clause('against', query.against);
  clause('zone', query.zone);
  clause('where', query.where?.trim());
  return words.join(' ');
}

/** isOwn tells whether the plugin answers itself, so that there is no question. */
export const isOwn = (show: Show | undefined): show is 'findings' | 'exporters' =>
  show === 'findings' || show === 'exporters';

/** cutWhere cuts a question in two at its filter. */
export function cutWhere(question: string): { head: string; where: string } {
  const where = tokenize(question).find((t) => t.kind === 'word' && t.text.toLowerCase() === 'where');
  return where
    ? { head: question.slice(0, where.from).trimEnd(), where: question.slice(where.to).trim() }
    : { head: question.trimEnd(), where: '' };
}

/** whereOf returns a query's filter. */
export function whereOf(query: WeirQuery): string {
  return query.question ? cutWhere(query.question).where : (query.where ?? '');
}

/** withWhere returns a query with another filter. */
export function withWhere(query: WeirQuery, where: string): WeirQuery {
  if (!query.question) {
    return { ...query, where: where || undefined };
  }
  const { head } = cutWhere(query.question);
  return { ...query, question: where ? `${head} where ${where}` : head };
}

/** showOf returns what a query shows. */
export function showOf(query: WeirQuery): Show {
  return query.question ? (tokenize(query.question)[0]?.text.toLowerCase() as Show) : (query.show ?? 'top');
}
