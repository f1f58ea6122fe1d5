import { useEffect, useState } from 'react';

import type { WeirDatasource } from '../datasource';
import { Fields } from '../language/fields';
import { isOwn } from '../language/question';
import { Verdict, WeirQuery } from '../types';

const noFields = new Fields([]);

/** useFields returns what flows are chosen and grouped by; nothing until it is known. */
export function useFields(datasource: WeirDatasource): { fields: Fields; error?: string } {
  const [state, setState] = useState<{ fields: Fields; error?: string }>({ fields: noFields });
  useEffect(() => {
    let current = true;
    datasource.fields().then(
      (fields) => current && setState({ fields }),
      (e) => current && setState({ fields: noFields, error: messageOf(e) })
    );
    return () => {
      current = false;
    };
  }, [datasource]);
  return state;
}

/** messageOf is what an error says to people. */
export function messageOf(e: unknown): string {
  const of = e as { data?: { error?: string; message?: string }; message?: string } | undefined;
  return of?.data?.error ?? of?.data?.message ?? of?.message ?? String(e);
}

/** How long somebody has to stop typing before the backend is asked. */
const pause = 300;

/**
 * useVerdict returns what the backend makes of a query, a moment after its last change.
 * Where it can't be asked there is none: the query itself will tell.
 */
export function useVerdict(datasource: WeirDatasource, query: WeirQuery): Verdict | undefined {
  const [verdict, setVerdict] = useState<{ of: string; verdict: Verdict }>();
  const text = JSON.stringify({ ...query, live: undefined });
  useEffect(() => {
    const query: WeirQuery = JSON.parse(text);
    const nothing = query.editor === 'code' ? !query.question?.trim() : isOwn(query.show) && !query.question;
    if (nothing) {
      return;
    }
    let current = true;
    const timer = setTimeout(async () => {
      try {
        const verdict = await datasource.validate(query);
        if (current) {
          setVerdict({ of: text, verdict });
        }
      } catch {
        // Running the query will say more.
      }
    }, pause);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [datasource, text]);
  return verdict?.of === text ? verdict.verdict : undefined;
}
