import { ComboboxOption } from '@grafana/ui';

import { Fields } from '../language/fields';
import { FieldInfo } from '../types';

/** fieldOptions are fields to choose from. */
export function fieldOptions(fields: Fields, which: (f: FieldInfo) => boolean): Array<ComboboxOption<string>> {
  return fields.all.filter(which).map((f) => ({ value: f.name, label: f.name, ...(f.doc && { description: f.doc }) }));
}

/** textOptions are texts to choose from. */
export function textOptions(texts: string[]): Array<ComboboxOption<string>> {
  return texts.map((value) => ({ value, label: value }));
}
