import { TimeRange } from '@grafana/data';
import { Combobox, InlineField, InlineSwitch, Input, MultiCombobox, RadioButtonGroup, Stack } from '@grafana/ui';
import React, { useMemo, useState } from 'react';

import { parts, showChoices, showing } from '../builder';
import type { WeirDatasource } from '../datasource';
import { Fields } from '../language/fields';
import { Verdict, WeirQuery } from '../types';
import { Filters } from './Filters';
import { Metrics } from './Metrics';
import { fieldOptions, textOptions } from './options';

interface Props {
  id: string;
  query: WeirQuery;
  datasource: WeirDatasource;
  fields: Fields;
  range?: TimeRange;
  verdict?: Verdict;
  /** Changes the query; run tells whether it is asked at once. */
  onChange: (query: WeirQuery, run: boolean) => void;
  onRun: () => void;
}

const severities = textOptions(['info', 'low', 'medium', 'high', 'critical']);

const comparisons = [
  { value: false, label: 'No other period' },
  { value: true, label: 'Previous period' },
];

const switches: Array<{ key: 'both' | 'dedup' | 'raw' | 'present'; label: string; tooltip: string }> = [
  {
    key: 'both',
    label: 'In and out apart',
    tooltip: 'Of columns of either side, as ip, if or as: a value for each direction',
  },
  { key: 'dedup', label: 'Count once', tooltip: 'What several exporters have seen counts once' },
  { key: 'raw', label: 'As sampled', tooltip: 'Counters are not multiplied by the sampling rate' },
  { key: 'present', label: 'Only bins with traffic', tooltip: 'Peaks and percentiles leave out bins without traffic' },
];

/** Builder makes a question of its parts, one control for each. */
export function Builder({ id, query, datasource, fields, range, verdict, onChange, onRun }: Props) {
  const show = query.show ?? 'top';
  const takes = parts[show];
  const set = (change: Partial<WeirQuery>) => onChange({ ...query, ...change }, true);
  const folded = (query.metrics ?? []).some((m) => / (max|p\d+)$/.test(m));
  const wrong = (field: string) => (verdict && !verdict.valid && verdict.field === field ? verdict : undefined);
  return (
    <Stack direction="column" gap={0.5}>
      <Stack direction="row" wrap="wrap" gap={0.5}>
        <InlineField label="Show" labelWidth={14} htmlFor={`${id}-show`}>
          <Combobox
            id={`${id}-show`}
            options={showChoices}
            value={show}
            width={24}
            onChange={({ value }) => onChange(showing({ ...query, show }, value), true)}
          />
        </InlineField>
        {show !== 'exporters' && (
          <InlineField
            label={takes.columns && show !== 'count' ? 'Top' : 'At most'}
            htmlFor={`${id}-limit`}
            tooltip={takes.columns ? 'How many groups; all others are shown as one, other' : 'How many rows'}
            invalid={wrong('limit') !== undefined}
          >
            <Text
              id={`${id}-limit`}
              type="number"
              width={10}
              value={query.limit ? String(query.limit) : ''}
              placeholder={usualLimit(query)}
              onChange={(text) => set({ limit: Math.max(0, Math.trunc(Number(text))) || undefined })}
            />
          </InlineField>
        )}
        {takes.columns && (
          <InlineField
            label={show === 'matrix' ? 'of' : 'by'}
            htmlFor={`${id}-by`}
            tooltip="Fields; src ip/24/48 are networks of these lengths; pair is both addresses, whichever sends"
            invalid={wrong('by') !== undefined}
            grow
          >
            <Columns id={`${id}-by`} by={query.by ?? []} fields={fields} onChange={(by) => set({ by })} />
          </InlineField>
        )}
      </Stack>
      {takes.metrics && (
        <Metrics
          id={id}
          show={show}
          metrics={
            query.metrics ??
            (show === 'flows' || show === 'conversations' ? [] : [show === 'series' ? 'bits' : 'bytes'])
          }
          fields={fields}
          folding={takes.folds}
          onChange={(metrics) => set({ metrics })}
        />
      )}
      {takes.filter && (
        <>
          <Filters
            id={id}
            where={query.where}
            datasource={datasource}
            fields={fields}
            range={range}
            mistake={wrong('where')}
            onChange={(where, run) => onChange({ ...query, where }, run)}
            onRun={onRun}
          />
          <Stack direction="row" wrap="wrap" gap={0.5}>
            {takes.compare && (
              <InlineField label="Compare with" labelWidth={14}>
                <RadioButtonGroup
                  id={`${id}-previous`}
                  aria-label="Compare with"
                  options={comparisons}
                  value={query.previous ?? false}
                  onChange={(previous) => set({ previous: previous || undefined, against: undefined })}
                />
              </InlineField>
            )}
            {takes.folds && (show === 'series' || folded) && (
              <InlineField
                label="Every"
                labelWidth={takes.compare ? 'auto' : 14}
                htmlFor={`${id}-every`}
                tooltip="How long a bin is, as 5min; the panel's interval, for peaks and percentiles 5 minutes"
                invalid={wrong('every') !== undefined}
              >
                <Text
                  id={`${id}-every`}
                  width={12}
                  value={query.every ?? ''}
                  placeholder="auto"
                  onChange={(text) => set({ every: text || undefined })}
                />
              </InlineField>
            )}
            {show === 'conversations' && (
              <InlineField
                label="Pause"
                labelWidth={14}
                htmlFor={`${id}-idle`}
                tooltip="After how long a silence another conversation begins, as 30s"
                invalid={wrong('idle') !== undefined}
              >
                <Text
                  id={`${id}-idle`}
                  width={12}
                  value={query.idle ?? ''}
                  placeholder="auto"
                  onChange={(text) => set({ idle: text || undefined })}
                />
              </InlineField>
            )}
            {switches
              .filter(({ key }) => (key !== 'both' || takes.sides) && (key !== 'present' || folded))
              .map(({ key, label, tooltip }) => (
                <InlineField key={key} label={label} tooltip={tooltip} htmlFor={`${id}-${key}`}>
                  <InlineSwitch
                    id={`${id}-${key}`}
                    value={query[key] ?? false}
                    onChange={(e) => set({ [key]: e.currentTarget.checked || undefined })}
                  />
                </InlineField>
              ))}
          </Stack>
        </>
      )}
      {show === 'findings' && (
        <Stack direction="row" wrap="wrap" gap={0.5}>
          <InlineField label="Least severity" labelWidth={14} htmlFor={`${id}-severity`}>
            <Combobox
              id={`${id}-severity`}
              options={severities}
              value={query.severity ?? null}
              placeholder="any"
              width={18}
              isClearable
              onChange={(o) => set({ severity: o?.value })}
            />
          </InlineField>
          <InlineField label="Class" htmlFor={`${id}-class`} tooltip="How it begins, as scan or scan.horizontal">
            <Text
              id={`${id}-class`}
              width={24}
              value={query.class ?? ''}
              placeholder="any"
              onChange={(text) => set({ class: text || undefined })}
            />
          </InlineField>
          <InlineField label="Detector" htmlFor={`${id}-detector`} tooltip="Who found it, by name">
            <Text
              id={`${id}-detector`}
              width={24}
              value={query.detector ?? ''}
              placeholder="any"
              onChange={(text) => set({ detector: text || undefined })}
            />
          </InlineField>
        </Stack>
      )}
    </Stack>
  );
}

function usualLimit({ show }: WeirQuery): string {
  return show === 'matrix' || show === 'flows' || show === 'findings' ? '100' : '10';
}

/** Columns are what flows are grouped by, in their order. */
function Columns({
  id,
  by,
  fields,
  onChange,
}: {
  id: string;
  by: string[];
  fields: Fields;
  onChange: (by: string[]) => void;
}) {
  const options = useMemo(() => {
    const networks = fields.all.filter((f) => f.group && f.kind === 'address').map((f) => `${f.name}/24/48`);
    return [
      ...fieldOptions(fields, (f) => f.group),
      { value: 'pair', label: 'pair', description: 'Both addresses, whichever sends' },
      ...textOptions(networks),
    ];
  }, [fields]);
  return (
    <MultiCombobox
      id={id}
      options={options}
      value={textOptions(by)}
      placeholder="all together"
      width="auto"
      minWidth={40}
      createCustomValue
      customValueDescription="A column, as src ip/16"
      onChange={(all) => onChange(all.map((o) => o.value))}
    />
  );
}

interface TextProps {
  id: string;
  value: string;
  width: number;
  placeholder: string;
  type?: 'number';
  onChange: (text: string) => void;
}

/** Text is a field that says what it has when it is left, or on Enter. */
function Text({ value, onChange, ...props }: TextProps) {
  const [typed, setTyped] = useState<string>();
  const done = () => {
    if (typed !== undefined && typed !== value) {
      onChange(typed.trim());
    }
    setTyped(undefined);
  };
  return (
    <Input
      {...props}
      min={props.type && 1}
      value={typed ?? value}
      onChange={(e) => setTyped(e.currentTarget.value)}
      onBlur={done}
      onKeyDown={(e) => e.key === 'Enter' && done()}
    />
  );
}
