import { QueryEditorProps } from '@grafana/data';
import { Combobox, ComboboxOption, InlineField, Input, Stack } from '@grafana/ui';
import React, { useState } from 'react';

import type { WeirDatasource } from '../datasource';
import { WeirOptions, WeirQuery, WeirVariableQuery } from '../types';
import { useFields } from './hooks';
import { LanguageEditor } from './LanguageEditor';
import { fieldOptions } from './options';

export type Props = QueryEditorProps<WeirDatasource, WeirQuery, WeirOptions, WeirVariableQuery>;

const kinds: Array<ComboboxOption<WeirVariableQuery['kind']>> = [
  { value: 'values', label: 'Values of a field', description: 'As flows in the range have them' },
  { value: 'exporters', label: 'Exporters', description: 'Who sends, by name or address' },
  { value: 'fields', label: 'Fields', description: 'What flows can be grouped by' },
];

/** VariableQueryEditor makes the query of a dashboard's variable. */
export function VariableQueryEditor({ query, datasource, range, onChange }: Props) {
  const { fields } = useFields(datasource);
  const kind = query.kind ?? 'values';
  const [typed, setTyped] = useState<Partial<WeirVariableQuery>>({});
  // Grafana asks with each change, so that texts are changed when they are left.
  const set = (change: Partial<WeirVariableQuery>) => {
    setTyped({});
    const next = { ...query, kind, ...change };
    if (JSON.stringify(next) !== JSON.stringify(query)) {
      onChange({ ...next, refId: query.refId || 'WeirVariableQuery' });
    }
  };
  const where = typed.where ?? query.where ?? '';
  return (
    <Stack direction="column" gap={0.5}>
      <InlineField label="Kind" labelWidth={14} htmlFor="variable-kind">
        <Combobox
          id="variable-kind"
          options={kinds}
          value={kind}
          width={30}
          onChange={({ value }) => set({ kind: value })}
        />
      </InlineField>
      {kind === 'values' && (
        <>
          <InlineField label="Field" labelWidth={14} htmlFor="variable-field">
            <Combobox
              id="variable-field"
              options={fieldOptions(fields, (f) => f.group)}
              value={query.field ?? null}
              placeholder="exporter ip"
              width={30}
              createCustomValue
              onChange={({ value }) => set({ field: value })}
            />
          </InlineField>
          <InlineField label="Begin with" labelWidth={14} htmlFor="variable-prefix">
            <Input
              id="variable-prefix"
              width={30}
              value={typed.prefix ?? query.prefix ?? ''}
              placeholder="anything"
              onChange={(e) => setTyped({ ...typed, prefix: e.currentTarget.value })}
              onBlur={() => set({ prefix: (typed.prefix ?? query.prefix) || undefined })}
            />
          </InlineField>
          <InlineField
            label="Where"
            labelWidth={14}
            grow
            htmlFor="variable-where"
            tooltip="Only values of flows that pass this filter"
          >
            <LanguageEditor
              id="variable-where"
              label="Filter"
              language="filter"
              value={where}
              datasource={datasource}
              fields={fields}
              range={range}
              placeholder="all flows"
              onChange={(text) => setTyped({ ...typed, where: text })}
              onRun={() => set({ where: where || undefined })}
              onBlur={() => set({ where: where || undefined })}
            />
          </InlineField>
        </>
      )}
    </Stack>
  );
}
