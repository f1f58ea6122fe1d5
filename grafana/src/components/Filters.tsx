import { css } from '@emotion/css';
import { TimeRange } from '@grafana/data';
import { Button, Combobox, ComboboxOption, IconButton, InlineField, MultiCombobox, Stack } from '@grafana/ui';
import React, { useState } from 'react';

import type { WeirDatasource } from '../datasource';
import { namedValues } from '../language/complete';
import { Fields } from '../language/fields';
import { isWhole, joinWhere, Operator, operatorsFor, splitWhere, takes, Term, Where } from '../language/terms';
import { Verdict } from '../types';
import { LanguageEditor } from './LanguageEditor';
import { fieldOptions, textOptions } from './options';

const names: Record<Operator, string> = {
  has: 'has set',
  '=': '=',
  '!=': '≠',
  '<': '<',
  '<=': '≤',
  '>': '>',
  '>=': '≥',
  '~': 'matches',
  '!~': 'does not match',
  in: 'is one of',
  'not in': 'is none of',
  exists: 'is known',
  'not exists': 'is not known',
};

interface Props {
  id: string;
  where: string | undefined;
  datasource: WeirDatasource;
  fields: Fields;
  range?: TimeRange;
  mistake?: Verdict;
  /** Changes the filter; run tells whether it is asked at once. */
  onChange: (where: string | undefined, run: boolean) => void;
  onRun: () => void;
}

/** Filters are rows that all hold, and a filter as text that holds as well. */
export function Filters({ id, where = '', datasource, fields, range, mistake, onChange, onRun }: Props) {
  // Rows that say nothing yet are of no filter, so they are kept here.
  const [state, setState] = useState<{ of: string; split: Where }>();
  const current = state?.of === where ? state.split : splitWhere(where, fields);
  const set = (split: Where, run: boolean) => {
    const of = joinWhere(split);
    setState({ of, split });
    if (of !== where) {
      onChange(of || undefined, run);
    }
  };
  const { terms, rest } = current;
  const setTerm = (n: number, term: Term) =>
    set({ ...current, terms: terms.map((t, i) => (i === n ? term : t)) }, true);
  // The place of a mistake is known where the filter is this text alone.
  const alone = terms.every((t) => !isWhole(t));
  return (
    <Stack direction="column" gap={0.5}>
      {terms.map((t, n) => (
        <Row
          key={n}
          id={`${id}-filter-${n}`}
          label={n === 0 ? 'Where' : 'and'}
          term={t}
          datasource={datasource}
          fields={fields}
          range={range}
          onChange={(term) => setTerm(n, term)}
          onRemove={() => set({ ...current, terms: terms.filter((_, i) => i !== n) }, true)}
        />
      ))}
      <Stack direction="row" gap={0.5}>
        <InlineField
          label={terms.length === 0 ? 'Where' : 'and'}
          labelWidth={14}
          grow
          htmlFor={`${id}-where`}
          tooltip="A filter as text, as src net 10.0.0.0/8 and not port 53"
        >
          <LanguageEditor
            id={`${id}-where`}
            label="Filter"
            language="filter"
            value={rest}
            datasource={datasource}
            fields={fields}
            range={range}
            mistake={alone ? mistake : mistake && { ...mistake, line: undefined }}
            placeholder="src net 10.0.0.0/8 and dst port in [80 443]"
            onChange={(text) => set({ ...current, rest: text }, false)}
            onRun={onRun}
            onBlur={onRun}
          />
        </InlineField>
        <Button
          variant="secondary"
          icon="plus"
          fill="text"
          onClick={() => set({ ...current, terms: [...terms, { field: '', operator: '=', values: [] }] }, false)}
        >
          Filter
        </Button>
      </Stack>
    </Stack>
  );
}

interface RowProps extends Pick<Props, 'id' | 'datasource' | 'fields' | 'range'> {
  label: string;
  term: Term;
  onChange: (term: Term) => void;
  onRemove: () => void;
}

/** How many values are offered. */
const offered = 100;

function Row({ id, label, term, datasource, fields, range, onChange, onRemove }: RowProps) {
  const field = fields.named(term.field);
  const operators = operatorsFor(field);
  const values = async (typed: string): Promise<Array<ComboboxOption<string>>> => {
    const named = field ? namedValues(field, typed) : [];
    const seen = term.field
      ? await datasource.values(term.field, { prefix: typed, range, limit: offered }).catch(() => [])
      : [];
    return textOptions([...new Set([...seen, ...named])]);
  };
  const setField = (name: string) => {
    const possible = operatorsFor(fields.named(name));
    onChange({
      ...term,
      field: name,
      operator: possible.includes(term.operator) ? term.operator : possible[0],
      values: [],
    });
  };
  const kept = textOptions(term.values);
  return (
    <Stack direction="row" gap={0.5} wrap="wrap">
      <InlineField label={label} labelWidth={14} htmlFor={`${id}-field`}>
        <Combobox
          id={`${id}-field`}
          options={fieldOptions(fields, (f) => f.filter)}
          value={term.field || null}
          placeholder="Field"
          width={24}
          createCustomValue
          onChange={({ value }) => setField(value)}
        />
      </InlineField>
      <Hidden htmlFor={`${id}-operator`}>Comparison</Hidden>
      <Combobox
        id={`${id}-operator`}
        options={operators.map((value) => ({ value, label: names[value] }))}
        value={{ value: term.operator, label: names[term.operator] }}
        width={18}
        onChange={({ value }) =>
          onChange({ ...term, operator: value, values: takes(value) === 'none' ? [] : term.values })
        }
      />
      {takes(term.operator) !== 'none' && <Hidden htmlFor={`${id}-value`}>Value</Hidden>}
      {takes(term.operator) === 'one' && (
        <Combobox
          id={`${id}-value`}
          key={term.field}
          options={values}
          value={kept[0] ?? null}
          placeholder="Value"
          width={30}
          createCustomValue
          onChange={({ value }) => onChange({ ...term, values: [value] })}
        />
      )}
      {takes(term.operator) === 'many' && (
        <MultiCombobox
          id={`${id}-value`}
          key={term.field}
          options={values}
          value={kept}
          placeholder="Values"
          width="auto"
          minWidth={30}
          maxWidth={60}
          createCustomValue
          onChange={(all) => onChange({ ...term, values: all.map((o) => o.value) })}
        />
      )}
      <IconButton name="times" aria-label="Remove filter" onClick={onRemove} />
    </Stack>
  );
}

/** Hidden names a control to those who don't see what it is. */
function Hidden({ htmlFor, children }: { htmlFor: string; children: string }) {
  return (
    <label htmlFor={htmlFor} className={hidden}>
      {children}
    </label>
  );
}

const hidden = css({
  position: 'absolute',
  width: 1,
  height: 1,
  overflow: 'hidden',
  clipPath: 'inset(50%)',
  whiteSpace: 'nowrap',
});
