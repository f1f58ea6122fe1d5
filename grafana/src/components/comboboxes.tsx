import type { ComboboxOption } from '@grafana/ui';
import React, { useEffect, useState } from 'react';

type Option = ComboboxOption<string>;
type Options = Option[] | ((typed: string) => Promise<Option[]>);

interface Props {
  id: string;
  options: Options;
  value?: string | Option | Array<string | Option> | null;
  onChange: (value: unknown) => void;
}

const textOf = (v: string | Option | null | undefined) => (typeof v === 'string' ? v : (v?.value ?? ''));

function useOptions(options: Options): string {
  const [offered, setOffered] = useState<Option[]>(Array.isArray(options) ? options : []);
  const [ask] = useState(() => options);
  useEffect(() => {
    if (typeof ask === 'function') {
      ask('').then(setOffered);
    }
  }, [ask]);
  return (Array.isArray(options) ? options : offered).map((o) => o.value).join('|');
}

/** Combobox stands in for Grafana's, whose list takes a browser to be laid out: a field that takes any value, and tells which are offered. */
export function Combobox({ id, options, value, onChange }: Props) {
  const offered = useOptions(options);
  return (
    <input
      id={id}
      data-offered={offered}
      value={textOf(value as string | Option)}
      onChange={(e) => onChange({ value: e.currentTarget.value })}
    />
  );
}

/** MultiCombobox is one that takes several, with | between them. */
export function MultiCombobox({ id, options, value, onChange }: Props) {
  const offered = useOptions(options);
  const texts = ((value ?? []) as Array<string | Option>).map(textOf);
  return (
    <input
      id={id}
      data-offered={offered}
      value={texts.join('|')}
      onChange={(e) => onChange(e.currentTarget.value.split('|').map((value) => ({ value })))}
    />
  );
}
