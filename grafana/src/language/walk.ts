import { FieldInfo } from '../types';
import { Fields } from './fields';
import { Token } from './tokens';
import { clauses, comparisons, families, folds, metrics, periods, shows, signs } from './words';

/** What a token is, for its colour. */
export type Class = 'keyword' | 'field' | 'operator' | 'value' | 'text' | 'comment' | 'variable' | 'plain' | 'bad';

/** What may come next. */
export type Next =
  | { at: 'show' }
  | { at: 'columns'; show: string; phrase: string; some: boolean }
  | { at: 'column'; show: string; phrase: string }
  | { at: 'metric' }
  | { at: 'fold' }
  | { at: 'range'; word: string }
  | { at: 'span'; word: string }
  | { at: 'zone' }
  | { at: 'moment' }
  | { at: 'clause' }
  | { at: 'term'; phrase: string }
  | { at: 'operator'; field: FieldInfo; phrase: string }
  | { at: 'value'; field: FieldInfo; list: boolean }
  | { at: 'joint' };

export type Language = 'question' | 'filter';

export interface Walk {
  /** Of each token. */
  classes: Class[];
  /** What may come behind the last one. */
  next: Next;
  /** Where the words begin that next's phrase is of. */
  phraseFrom: number;
}

/** walk reads tokens from left to right, as far as it understands them. */
export function walk(tokens: Token[], language: Language, fields: Fields): Walk {
  return new Walker(tokens, fields).run(language);
}

class Walker {
  private readonly classes: Class[];
  private readonly tokens: Token[];
  private readonly place: number[]; // of each token without comments, in all
  private at = 0;
  private next: Next = { at: 'clause' };
  private phraseFrom = -1;

  constructor(
    all: Token[],
    private readonly fields: Fields
  ) {
    const usual: Partial<Record<Token['kind'], Class>> = {
      comment: 'comment',
      variable: 'variable',
      quoted: 'text',
      bad: 'bad',
    };
    this.classes = all.map((t) => usual[t.kind] ?? 'plain');
    this.place = all.flatMap((t, i) => (t.kind === 'comment' ? [] : [i]));
    this.tokens = this.place.map((i) => all[i]);
  }

  run(language: Language): Walk {
    if (language === 'filter') {
      this.filter();
    } else {
      this.question();
    }
    return { classes: this.classes, next: this.next, phraseFrom: this.phraseFrom };
  }

  private peek(ahead = 0): Token | undefined {
    return this.tokens[this.at + ahead];
  }

  private word(ahead = 0): string {
    const t = this.peek(ahead);
    return t?.kind === 'word' ? t.text.toLowerCase() : '';
  }

  private sign(ahead = 0): string {
    const t = this.peek(ahead);
    return t?.kind === 'sign' ? t.text : '';
  }

  private take(as?: Class, count = 1) {
    for (let n = 0; n < count; n++, this.at++) {
      if (as) {
        this.classes[this.place[this.at]] = as;
      }
    }
  }

  private get done() {
    return this.at >= this.tokens.length;
  }

  /** words are those that stand here without anything between them. */
  private words(): string[] {
    const all: string[] = [];
    for (let n = 0; this.word(n) !== '' && n < 3; n++) {
      all.push(this.word(n));
    }
    return all;
  }

  private question() {
    this.next = { at: 'show' };
    if (this.done) {
      return;
    }
    const show = this.word();
    this.take(shows.includes(show) ? 'keyword' : undefined);
    if (/^\d+$/.test(this.word())) {
      this.take('value');
    } else if (this.peek()?.kind === 'variable') {
      this.take();
    }
    if (['top', 'series', 'matrix', 'count'].includes(show)) {
      this.columns(show);
    } else {
      this.next = { at: 'clause' };
    }
    while (!this.done) {
      this.clause(show);
    }
  }

  /** columns reads columns with commas between them, of a matrix with an x. */
  private columns(show: string) {
    this.next = { at: 'columns', show, phrase: '', some: false };
    while (!this.done) {
      if (clauses.includes(this.word())) {
        return;
      }
      if (!this.column(show)) {
        return;
      }
      const between = this.sign() === ',' || (show === 'matrix' && this.word() === 'x');
      if (!between) {
        return;
      }
      this.take('operator');
      this.next = { at: 'column', show, phrase: '' };
    }
  }

  /** column reads one, and tells whether there was one. */
  private column(show: string): boolean {
    const from = this.peek()!.from;
    if (this.peek()!.kind === 'variable') {
      this.take();
    } else {
      const words = this.words();
      let n = words.length;
      while (n > 0 && !this.fields.column(words.slice(0, n).join(' '))) {
        n--;
      }
      // Words that a longer name begins with may go on.
      const phrase = words.join(' ');
      if (n < words.length && this.at + words.length === this.tokens.length && this.fields.begins(phrase)) {
        this.take('field', words.length);
        this.next = { at: 'column', show, phrase };
        this.phraseFrom = from;
        return false;
      }
      if (n === 0) {
        return false;
      }
      this.take('field', n);
      const name = words.slice(0, n).join(' ');
      if (this.done && this.fields.begins(name)) {
        this.next = { at: 'columns', show, phrase: name, some: true };
        this.phraseFrom = from;
        return true;
      }
    }
    this.next = { at: 'columns', show, phrase: '', some: true };
    return true;
  }

  private clause(show: string) {
    const word = this.word();
    if (!clauses.includes(word)) {
      this.take(); // it says nothing that is understood
      this.next = { at: 'clause' };
      return;
    }
    this.take('keyword');
    this.next = { at: 'clause' };
    switch (word) {
      case 'by':
        return show === 'count' ? this.columns('count') : this.metrics();
      case 'last':
      case 'this':
        this.next = { at: 'range', word };
        return this.argument(periods.includes(this.word()) ? 'keyword' : 'value');
      case 'every':
      case 'idle':
        this.next = { at: 'span', word };
        this.argument('value');
        if (/^(ns|us|ms|s|min|h|d)$/.test(this.word())) {
          this.take('value');
        }
        return;
      case 'zone':
        this.next = { at: 'zone' };
        return this.argument('value');
      case 'from':
      case 'against':
        this.next = { at: 'moment' };
        this.argument('value');
        if (this.word() === 'to') {
          this.take('keyword');
          this.next = { at: 'moment' };
          this.argument('value');
        }
        return;
      case 'where':
        return this.filter();
    }
  }

  /** argument takes what a clause's word asks for, if it is there. */
  private argument(as: Class) {
    if (this.done || clauses.includes(this.word())) {
      return;
    }
    this.take(this.peek()!.kind === 'word' ? as : undefined);
    this.next = { at: 'clause' };
  }

  private metrics() {
    for (;;) {
      this.next = { at: 'metric' };
      if (this.done) {
        return;
      }
      if (this.word() === 'distinct') {
        this.take('keyword');
        this.next = { at: 'column', show: 'distinct', phrase: '' };
        if (this.done || !this.column('distinct')) {
          return;
        }
        this.next = { at: 'clause' };
      } else if (metrics.includes(this.word()) || this.peek()!.kind === 'variable') {
        this.take(this.word() ? 'keyword' : undefined);
        this.next = { at: 'fold' };
        if (folds.includes(this.word()) || /^p\d\d?$/.test(this.word())) {
          this.take('keyword');
          this.next = { at: 'clause' };
        }
      } else {
        return;
      }
      if (this.sign() !== ',') {
        return;
      }
      this.take('operator');
    }
  }

  /** filter reads all that is left. */
  private filter() {
    this.next = { at: 'term', phrase: '' };
    while (!this.done) {
      if (this.next.at === 'term') {
        this.term();
      } else if (['and', 'or'].includes(this.word()) || ['&&', '||'].includes(this.sign())) {
        this.take('keyword');
        this.next = { at: 'term', phrase: '' };
      } else {
        this.take(this.sign() ? 'operator' : undefined); // a bracket, or nothing that is understood
        this.next = { at: 'joint' };
      }
    }
  }

  private term() {
    const t = this.peek()!;
    const word = this.word();
    if (t.kind === 'variable') {
      return this.macro();
    }
    if (word === 'not' || this.sign() === '!' || this.sign() === '(') {
      this.take(word || this.sign() === '!' ? 'keyword' : 'operator');
      return;
    }
    if (families.includes(word)) {
      this.take('keyword');
      this.next = { at: 'joint' };
      return;
    }
    let before = '';
    const sides = /^(src|dst) (and|or) (src|dst)$/.exec(this.words().join(' '));
    if (sides) {
      before = sides[1] + ' ';
      this.take('field');
      this.take('keyword');
      this.take('field');
      if (this.done) {
        this.next = { at: 'term', phrase: '' };
        return;
      }
    }
    const from = this.peek()!.from;
    const words = this.words();
    const found = this.fields.longest((before + words.join(' ')).trim().split(' '));
    const length = found ? found.length - (before ? 1 : 0) : 0;
    const phrase = words.join(' ');
    if (
      !before &&
      words.length > length &&
      this.at + words.length === this.tokens.length &&
      this.fields.begins(phrase)
    ) {
      this.take('field', words.length);
      this.next = { at: 'term', phrase };
      this.phraseFrom = from;
      return;
    }
    if (!found || length === 0) {
      // An element without a column, perhaps: it is compared like the others.
      this.take();
      if (this.word() !== 'exists' && !signs.includes(this.sign()) && !comparisons.includes(this.word())) {
        this.next = { at: 'joint' };
        return;
      }
      return this.comparison({ name: t.text, kind: 'none', group: false, filter: true, ordered: true }, '', from);
    }
    this.take('field', length);
    this.comparison(found.field, before ? '' : words.slice(0, length).join(' '), from);
  }

  /** macro reads $__in(field, value) or another variable. */
  private macro() {
    const name = this.peek()!.text;
    this.take();
    this.next = { at: 'joint' };
    if (name !== '$__in' || this.sign() !== '(') {
      return;
    }
    this.take('operator');
    this.next = { at: 'term', phrase: '' };
    const words = this.words();
    if (this.fields.longest(words)) {
      this.take('field', this.fields.longest(words)!.length);
    }
    for (let depth = 1; !this.done && depth > 0; this.take(this.sign() ? 'operator' : undefined)) {
      depth += { '(': 1, ')': -1 }[this.sign()] ?? 0;
      this.next = { at: 'joint' };
    }
  }

  private comparison(field: FieldInfo, phrase: string, from: number) {
    if (this.done) {
      this.next = { at: 'operator', field, phrase: this.fields.begins(phrase) ? phrase : '' };
      this.phraseFrom = from;
      return;
    }
    const value = { at: 'value', field, list: false } as const;
    if (this.word() === 'exists') {
      this.take('operator');
      this.next = { at: 'joint' };
      return;
    }
    if (this.word() === 'in' && (this.sign(1) === '[' || this.peek(1) === undefined)) {
      this.take('operator', this.peek(1) ? 2 : 1);
      this.next = { at: 'value', field, list: true };
      while (!this.done && this.sign() !== ']') {
        this.take(this.peek()!.kind === 'word' ? 'value' : this.sign() ? 'operator' : undefined);
      }
      if (!this.done) {
        this.take('operator');
        this.next = { at: 'joint' };
      }
      return;
    }
    const named = field.values?.some((v) => v.toLowerCase() === this.word()) ?? false;
    if (signs.includes(this.sign()) || (comparisons.includes(this.word()) && !named)) {
      this.take('operator');
      this.next = value;
      if (this.done) {
        return;
      }
    }
    if (['and', 'or', 'not'].includes(this.word()) || this.sign()) {
      this.next = { at: 'joint' };
      return;
    }
    this.take(this.peek()!.kind === 'word' ? 'value' : undefined);
    if (field.kind === 'address' && /^\d+\.\d+\.\d+\.\d+$/.test(this.word())) {
      this.take('value'); // net 10.0.0.0 255.0.0.0
    }
    this.next = { at: 'joint' };
  }
}
