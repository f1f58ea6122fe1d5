import { FieldInfo } from '../types';
import { maxWords } from './words';

/** Fields knows fields by all their names. What ends in ip has a twin that ends in net. */
export class Fields {
  private readonly byName = new Map<string, FieldInfo>();
  private readonly starts = new Set<string>();

  constructor(readonly all: FieldInfo[]) {
    for (const f of all) {
      const names = [f.name, ...(f.names ?? []), f.column ?? f.name];
      const nets = names.filter((n) => /\bip$/.test(n)).map((n) => n.replace(/ip$/, 'net'));
      for (const name of [...names, ...nets]) {
        const key = name.toLowerCase();
        this.byName.set(key, this.byName.get(key) ?? f);
        const words = key.split(' ');
        for (let n = 1; n < words.length; n++) {
          this.starts.add(words.slice(0, n).join(' '));
        }
      }
    }
  }

  named(name: string): FieldInfo | undefined {
    return this.byName.get(name.toLowerCase());
  }

  /** begins tells whether a longer name begins with these words. */
  begins(words: string): boolean {
    return this.starts.has(words.toLowerCase());
  }

  /** longest returns the longest name that words begin with, and how many words it has. */
  longest(words: string[]): { field: FieldInfo; length: number } | undefined {
    for (let n = Math.min(maxWords, words.length); n > 0; n--) {
      const field = this.named(words.slice(0, n).join(' '));
      if (field) {
        return { field, length: n };
      }
    }
    return undefined;
  }

  /** column returns what a question groups by: a field, src, dst or pair, with a prefix's length or without. */
  column(text: string): FieldInfo | undefined {
    const name = /^([^/]*)(\/\S*)?$/.exec(text.trim())?.[1];
    if (!name) {
      return undefined;
    }
    const side = { src: 'src ip', dst: 'dst ip', pair: 'ip' }[name.toLowerCase()];
    const field = this.named(side ?? name);
    return field?.group ? field : undefined;
  }
}
