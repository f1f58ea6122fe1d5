// Template variables, as Grafana's dashboards replace them.

import {
  type Field,
  formattedValueToString,
  getFieldDisplayName,
  type ScopedVars,
  type TypedVariableModel,
} from '@grafana/data';
import { type TemplateSrv, type VariableInterpolation } from '@grafana/runtime';

export interface Variable {
  name: string;
  value: string | string[];
  options?: string[]; // what All stands for
  allValue?: string; // or this text
  multi?: boolean;
}

const all = '$__all';
const pattern = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\${(\w+)(?:\.([^:^}]+))?(?::([^}]+))?}/g;

type Value = string | string[];
type Formatter = (value: any, variable: object, fallback: (value: any, format: any, variable: any) => string) => string;

const each = (value: Value, f: (one: string) => string) =>
  (Array.isArray(value) ? value : [value]).map((one) => f(String(one)));
const glob = (value: Value) => (Array.isArray(value) && value.length > 1 ? `{${value.join(',')}}` : String(value));
const escaped = (one: string) => one.replace(/[\\^$*+?.()|[\]{}/]/g, '\\$&');
const formats: Record<string, (value: Value) => string> = {
  glob,
  raw: (value) => String(value),
  csv: (value) => String(value),
  text: (value) => each(value, (one) => one).join(' + '),
  json: (value) => JSON.stringify(value),
  pipe: (value) => each(value, (one) => one).join('|'),
  regex: (value) =>
    Array.isArray(value) && value.length > 1 ? `(${each(value, escaped).join('|')})` : escaped(String(value)),
  singlequote: (value) => each(value, (one) => `'${one.replace(/'/g, "\\'")}'`).join(','),
  doublequote: (value) => each(value, (one) => `"${one.replace(/"/g, '\\"')}"`).join(','),
};

function format(value: Value, how: string | Function | undefined, variable: object): string {
  if (typeof how === 'function') {
    return (how as Formatter)(value, variable, format);
  }
  const name = (how ?? 'glob').split(':')[0];
  if (!formats[name]) {
    console.error(`Variable format ${name} not found. Using glob format as fallback.`);
  }
  return (formats[name] ?? glob)(value);
}

// What a data link says of the cell that it is in, ${__value.raw}, and of others in its
// row, ${__data.fields["name"]}.
function ofCell(name: string, path: string | undefined, scoped?: ScopedVars): string | undefined {
  const cell = scoped?.__dataContext?.value;
  if (cell?.rowIndex === undefined) {
    return undefined;
  }
  let field: Field | undefined;
  if (name === '__value') {
    field = cell.field;
  } else if (name === '__data') {
    const wanted = path?.match(/^fields\["(.+)"\]/)?.[1];
    field = cell.frame.fields.find((f: Field) => f.name === wanted || getFieldDisplayName(f, cell.frame) === wanted);
  }
  const value = field?.values[cell.rowIndex];
  return field && (path === 'text' ? formattedValueToString(field.display!(value)) : String(value));
}

class Templates implements TemplateSrv {
  private variables: Variable[] = [];

  set(variables: Variable[]) {
    this.variables = variables;
  }
  getVariables(): TypedVariableModel[] {
    return this.variables.map((v) => this.model(v) as TypedVariableModel);
  }
  private model(v: Variable) {
    const multi = v.multi ?? Array.isArray(v.value);
    const options = [...(v.options ?? [])].map((one) => ({ text: one, value: one, selected: false }));
    return {
      type: 'custom',
      id: v.name,
      name: v.name,
      label: v.name,
      multi,
      includeAll: v.options !== undefined,
      allValue: v.allValue ?? null,
      options: [{ text: 'All', value: all, selected: false }, ...options],
      current: { text: v.value, value: v.value, selected: true },
      query: '',
    };
  }
  replace(target?: string, scoped?: ScopedVars, how?: string | Function, found?: VariableInterpolation[]): string {
    if (!target) {
      return target ?? '';
    }
    return target.replace(pattern, (match, bare, square, squareHow, curly, fieldPath, curlyHow) => {
      const name = bare ?? square ?? curly;
      const asked = squareHow ?? curlyHow ?? how;
      const value = ofCell(name, fieldPath, scoped) ?? this.value(name, scoped, asked);
      found?.push({
        match,
        variableName: name,
        fieldPath,
        format: asked,
        value: value ?? match,
        found: value !== undefined,
      });
      return value ?? match;
    });
  }
  private value(name: string, scoped: ScopedVars | undefined, how: string | Function | undefined): string | undefined {
    const local = scoped?.[name];
    const v = this.variables.find((one) => one.name === name);
    if (local !== undefined && local.value !== undefined && local.value !== null) {
      return format(local.value, how, v ? this.model(v) : {});
    }
    if (!v) {
      return undefined;
    }
    if ((Array.isArray(v.value) ? v.value[0] : v.value) !== all) {
      return format(v.value, how, this.model(v));
    }
    if (v.allValue && how !== 'text') {
      return this.replace(v.allValue); // as it is, whatever the format
    }
    return how === 'text' ? 'All' : format(v.options ?? [], how, this.model(v));
  }
  containsTemplate(target?: string): boolean {
    return Array.from(target?.matchAll(pattern) ?? []).some((m) => {
      const name = m[1] ?? m[2] ?? m[4];
      return this.variables.some((v) => v.name === name);
    });
  }
  updateTimeRange() {}
}

export const templates = new Templates();
