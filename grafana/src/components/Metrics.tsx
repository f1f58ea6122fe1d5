import { Button, Combobox, IconButton, InlineField, Stack } from '@grafana/ui';
import React from 'react';

import { Choice, Metric, readMetric, writeMetric } from '../builder';
import { Fields } from '../language/fields';
import { Show } from '../types';
import { fieldOptions } from './options';

const measures: Array<Choice<string>> = [
  { value: 'bits', label: 'Bits' },
  { value: 'bytes', label: 'Bytes' },
  { value: 'packets', label: 'Packets' },
  { value: 'flows', label: 'Flows' },
  { value: 'distinct', label: 'Different', description: 'How many different values a field has' },
];

const folds: Array<Choice<string>> = [
  { value: '', label: 'All of it', description: 'The sum and the average rate' },
  { value: 'max', label: 'Peak (max)', description: 'The largest bin' },
  { value: 'p95', label: '95th percentile (p95)', description: 'Of the bins: what lines are billed by' },
  { value: 'p99', label: '99th percentile (p99)' },
];

interface Props {
  id: string;
  show: Show;
  metrics: string[];
  fields: Fields;
  /** Whether peaks and percentiles can be asked for. */
  folding: boolean;
  onChange: (metrics: string[]) => void;
}

/** How many metrics a question has at most. */
const most = 8;

/** Metrics are what is measured: the first ranks. */
export function Metrics({ id, show, metrics, fields, folding, onChange }: Props) {
  const ranks = show === 'flows' || show === 'conversations'; // then there is one, or none
  const all = metrics.map(readMetric);
  const set = (n: number, change: Partial<Metric>) =>
    onChange(all.map((m, i) => writeMetric(i === n ? { ...m, ...change } : m)));
  const offered = show === 'count' ? measures.slice(-1) : folding ? measures : measures.slice(0, -1);
  const columns = fieldOptions(fields, (f) => f.group && f.column !== undefined);
  const added = show === 'count' ? 'distinct dst ip' : ranks ? 'bytes' : 'packets';
  return (
    <Stack direction="row" wrap="wrap" gap={0.5}>
      {all.map((m, n) => (
        <React.Fragment key={n}>
          <InlineField
            label={n > 0 ? 'and' : ranks ? 'Largest by' : 'Measure'}
            labelWidth={n > 0 ? 'auto' : 14}
            htmlFor={`${id}-metric-${n}`}
          >
            <Combobox
              id={`${id}-metric-${n}`}
              options={offered}
              value={m.of}
              width={16}
              onChange={({ value }) => set(n, { of: value, fold: value === 'distinct' ? '' : m.fold })}
            />
          </InlineField>
          {m.of === 'distinct' ? (
            <InlineField label="values of" htmlFor={`${id}-distinct-${n}`}>
              <Combobox
                id={`${id}-distinct-${n}`}
                options={columns}
                value={m.column}
                width={24}
                createCustomValue
                onChange={({ value }) => set(n, { column: value })}
              />
            </InlineField>
          ) : (
            folding && (
              <InlineField
                label="as"
                htmlFor={`${id}-fold-${n}`}
                tooltip="Peaks and percentiles are of the bins of the range"
              >
                <Combobox
                  id={`${id}-fold-${n}`}
                  options={folds.some((f) => f.value === m.fold) ? folds : [...folds, { value: m.fold, label: m.fold }]}
                  value={m.fold}
                  width={28}
                  createCustomValue
                  onChange={({ value }) => set(n, { fold: value })}
                />
              </InlineField>
            )
          )}
          {(all.length > 1 || ranks) && (
            <IconButton
              name="times"
              aria-label={`Remove measure ${n + 1}`}
              onClick={() => onChange(metrics.filter((_, i) => i !== n))}
            />
          )}
        </React.Fragment>
      ))}
      {all.length < (ranks ? 1 : most) && (
        <Button size="md" variant="secondary" icon="plus" fill="text" onClick={() => onChange([...metrics, added])}>
          {ranks ? 'Largest first' : 'Measure'}
        </Button>
      )}
    </Stack>
  );
}
