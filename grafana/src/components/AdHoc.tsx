import { Button, IconButton, Stack } from '@grafana/ui';
import React from 'react';

import { adhocTerm, unfold } from '../interpolate';
import { Filter, WeirQuery } from '../types';

interface Props {
  query: WeirQuery;
  onChange: (query: WeirQuery) => void;
}

/** AdHoc shows the filters that a link brought along, to be changed or left out. */
export function AdHoc({ query, onChange }: Props) {
  const all = query.adhoc ?? [];
  const without = (f: Filter) => {
    const adhoc = all.filter((g) => g !== f);
    return { ...query, adhoc: adhoc.length > 0 ? adhoc : undefined };
  };
  return (
    <>
      {all.map((f, n) => {
        const term = adhocTerm(f);
        return (
          <Stack key={n} direction="row" gap={1} alignItems="center">
            <span>only</span>
            <code data-testid="adhoc">{term ?? `${f.key} ${f.operator} ${(f.values ?? [f.value]).join(', ')}`}</code>
            {term !== undefined && !(f.row && f.value === 'other') && (
              <Button size="sm" fill="text" variant="secondary" onClick={() => onChange(unfold(without(f), [f]))}>
                Edit
              </Button>
            )}
            <IconButton name="times" aria-label={`Remove ${f.key}`} onClick={() => onChange(without(f))} />
          </Stack>
        );
      })}
    </>
  );
}
