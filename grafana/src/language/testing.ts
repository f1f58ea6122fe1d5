import { readFileSync } from 'fs';
import path from 'path';

import { FieldInfo, WeirQuery } from '../types';
import { Fields } from './fields';
import { Term } from './terms';

const read = (name: string) => JSON.parse(readFileSync(path.join(__dirname, '../../testdata', name), 'utf8'));

/** The fields that the backend has. */
export const allFields: FieldInfo[] = read('fields.json');
export const fields = new Fields(allFields);

/** What the backend's own tests know of the language. */
export const language: {
  words: { shows: string[]; clauses: string[]; metrics: string[] };
  quotes: Array<{ value: string; text: string }>;
  lists: Array<{ values: string[]; where: string }>;
  terms: Array<{ term: Term; where: string }>;
  questions: Array<{ parts: Partial<WeirQuery>; question: string }>;
  examples: string[];
} = read('language.json');
