import { css } from '@emotion/css';
import { GrafanaTheme2, QueryEditorHelpProps } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import React from 'react';

import { questionOf } from '../language/question';
import { WeirQuery } from '../types';

/** An example that can be run: a question, or parts for the builder. */
export interface Example {
  title: string;
  query: Omit<WeirQuery, 'refId'>;
}

const code = (question: string, more: Partial<WeirQuery> = {}) => ({ editor: 'code' as const, question, ...more });
const built = (parts: Partial<WeirQuery>) => ({ editor: 'builder' as const, ...parts });

export const examples: Example[] = [
  { title: 'Who sends the most', query: built({ show: 'series', by: ['src ip'], metrics: ['bits'], limit: 10 }) },
  { title: 'Applications, as a table', query: code('top 20 app_name by bytes, flows') },
  { title: 'What lines are billed by', query: code('top 10 exporter ip, in if by bits p95, bits max every 5min') },
  { title: 'Networks, not hosts', query: code('top 10 src/24/48 by bytes') },
  {
    title: 'Compared with the period before',
    query: built({ show: 'top', by: ['dst as'], metrics: ['bytes'], limit: 10, previous: true }),
  },
  {
    title: 'Who talks to whom',
    query: built({ show: 'top', by: ['pair'], metrics: ['bytes'], limit: 50, format: 'nodegraph' }),
  },
  { title: 'From network to network', query: code('matrix 50 src as x dst as by bytes', { format: 'sankey' }) },
  { title: 'Connections, both directions', query: code('conversations 20 by bytes where not dst port 53') },
  { title: 'How many hosts, behind each exporter', query: code('count src by exporter ip') },
  {
    title: 'Web traffic of a network',
    query: built({
      show: 'series',
      by: ['dst ip'],
      metrics: ['bits'],
      limit: 10,
      where: 'src net 10.0.0.0/8 and dst port in [80 443]',
    }),
  },
  {
    title: 'Connections that were only begun',
    query: built({ show: 'flows', limit: 100, where: 'flags S and not flags AFRPU' }),
  },
  { title: 'Flows as lines, live', query: built({ show: 'flows', format: 'logs', live: true, limit: 500 }) },
];

const terms: Array<[string, string]> = [
  ['src ip, dst port, proto', 'a field; without src or dst either side: ip 10.0.0.1'],
  ['src net 10.0.0.0/8', 'a network'],
  ['dst port in [80 443 8000-8100]', 'one of these, ranges too'],
  ['bytes > 1m and duration > 5s', 'k, m, g, t are powers of 1000; times have units'],
  ['app_name ~ "^goo"', 'a text that matches a pattern'],
  ['flags SA, flags = S', 'these are set; these and no others'],
  ['src as exists', 'the flow has it at all'],
  ['not (proto udp or port 53)', 'and, or, not and brackets'],
];

const variables: Array<[string, string]> = [
  ['where src ip = $host', 'a variable with one value; quotes come by themselves'],
  ['where $__in(src ip, $hosts)', 'one with several, or all (with the custom all value any)'],
  ['${filter:raw}', 'a text that is a filter itself'],
];

/** QueryEditorHelp shows examples, which can be run, and the filter language in short. */
export function QueryEditorHelp({ onClickExample }: QueryEditorHelpProps<WeirQuery>) {
  const styles = useStyles2(getStyles);
  return (
    <div>
      <h2>Examples</h2>
      {examples.map(({ title, query }) => (
        <div key={title} className={styles.example}>
          <div>{title}</div>
          <button type="button" className={styles.run} onClick={() => onClickExample({ refId: 'A', ...query })}>
            <code>{textOf(query)}</code>
          </button>
        </div>
      ))}
      <h2>Filters</h2>
      <Table rows={terms} />
      <h2>Variables of dashboards</h2>
      <Table rows={variables} />
      <p>
        The time range is the dashboard&apos;s, unless the question has its own: last 1h, today, from 2026-11-01 to
        2026-11-08. Shift+Enter runs a query, Ctrl+Space shows what may come next.
      </p>
    </div>
  );
}

/** textOf is an example in words. */
function textOf({ question, format, live, ...parts }: Example['query']): string {
  const shown = [format && `as ${format}`, live && 'live'].filter(Boolean).join(', ');
  return (question ?? questionOf({ refId: 'A', ...parts })) + (shown && ` (${shown})`);
}

function Table({ rows }: { rows: Array<[string, string]> }) {
  const styles = useStyles2(getStyles);
  return (
    <table className={styles.table}>
      <tbody>
        {rows.map(([text, meaning]) => (
          <tr key={text}>
            <th scope="row">
              <code>{text}</code>
            </th>
            <td>{meaning}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  example: css({ marginBottom: theme.spacing(1.5) }),
  run: css({ padding: 0, border: 'none', background: 'none', textAlign: 'left' }),
  table: css({
    marginBottom: theme.spacing(2),
    'th, td': { padding: theme.spacing(0.5, 2, 0.5, 0), fontWeight: 'normal', verticalAlign: 'top' },
  }),
});
