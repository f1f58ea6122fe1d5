// Explore: queries, written with the plugin's editor, and what they give.

import {
  type AbsoluteTimeRange,
  CoreApp,
  type DataFrame,
  type DataQuery,
  type DataSourceApi,
  DataSourcePluginContextProvider,
  hasToggleableQueryFiltersSupport,
  type PanelData,
  type RawTimeRange,
} from '@grafana/data';
import { type AdHocFilterItem, Button, PanelContainer, TimeRangePicker } from '@grafana/ui';
import { useCallback, useEffect, useRef, useState } from 'react';
import { type Subscription } from 'rxjs';
import { absolute, requestOf, run, type Shown } from './run';
import { sources } from './sources';
import { Results } from './views';

interface Left {
  datasource?: string;
  queries?: DataQuery[];
  range?: RawTimeRange;
}

// What a link to Explore says: in the form of Grafana's links within it, or of its
// address since Grafana 10.
function linked(): Left {
  const search = new URLSearchParams(location.search);
  const panes = search.get('panes');
  const left: Left = panes ? Object.values(JSON.parse(panes))[0] : JSON.parse(search.get('left') ?? '{}');
  return { ...left, queries: left.queries?.map((q, i) => ({ ...q, refId: q.refId ?? 'ABCDEFGH'[i] })) };
}

export function Explore({ width }: { width: number }) {
  const [left] = useState(linked);
  const [ds] = useState(() => sources.instance(left.datasource));
  const [raw, setRaw] = useState<RawTimeRange>(left.range ?? { from: 'now-1h', to: 'now' });
  const [queries, setQueries] = useState<DataQuery[]>(
    left.queries ?? [{ refId: 'A', ...ds.getDefaultQuery?.(CoreApp.Explore) }]
  );
  const [shown, setShown] = useState<Shown>();
  const [streaming, setStreaming] = useState(false);
  const running = useRef<Subscription>();
  const latest = useRef({ queries, raw });
  latest.current = { queries, raw };

  const ask = useCallback(
    (liveStreaming = false) => {
      running.current?.unsubscribe();
      const { queries, raw } = latest.current;
      const request = requestOf(
        ds,
        queries.map((q) => ({ ...q, datasource: ds.getRef() })),
        raw,
        { liveStreaming, maxDataPoints: Math.round(width) }
      );
      setStreaming(liveStreaming);
      running.current = run(ds, request).subscribe(setShown);
    },
    [ds, width]
  );
  useEffect(() => {
    if (left.queries) {
      ask();
    }
    return () => running.current?.unsubscribe();
  }, [ask, left]);

  const filter = async (item: AdHocFilterItem, frame: DataFrame) => {
    const action = {
      type: item.operator === '=' ? 'ADD_FILTER' : 'ADD_FILTER_OUT',
      options: { key: item.key, value: item.value },
    };
    setQueries(
      latest.current.queries.map((q) => {
        if (frame.refId && frame.refId !== q.refId) {
          return q;
        }
        if (hasToggleableQueryFiltersSupport(ds)) {
          const type = item.operator === '=' ? 'FILTER_FOR' : 'FILTER_OUT';
          return ds.toggleQueryFilter(q, { type, options: action.options, frame } as any);
        }
        return ds.modifyQuery ? ds.modifyQuery(q, action) : q;
      })
    );
    setTimeout(() => ask());
  };
  const move = (range: AbsoluteTimeRange) =>
    setRaw({ from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString() } as any);
  const range = absolute(raw);
  const settings = sources.getInstanceSettings(ds.uid)!;
  return (
    <div data-testid="explore">
      <div style={{ display: 'flex', gap: 8, justifyContent: 'flex-end', marginBottom: 8 }}>
        <TimeRangePicker
          value={range}
          timeZone="utc"
          onChange={(t) => setRaw(t.raw)}
          onChangeTimeZone={() => {}}
          onMoveBackward={() => move({ from: 2 * range.from.valueOf() - range.to.valueOf(), to: range.from.valueOf() })}
          onMoveForward={() => move({ from: range.to.valueOf(), to: 2 * range.to.valueOf() - range.from.valueOf() })}
          onZoom={() => move({ from: range.from.valueOf(), to: range.to.valueOf() })}
        />
        <Button
          icon={streaming ? 'pause' : 'play'}
          variant="secondary"
          onClick={() => (streaming ? running.current?.unsubscribe() : ask(true))}
        >
          Live
        </Button>
        <Button icon="sync" onClick={() => ask()}>
          Run query
        </Button>
      </div>
      {queries.map((q) => (
        <Row
          key={q.refId}
          ds={ds}
          settings={settings}
          query={q}
          queries={queries}
          data={shown && panelData(shown)}
          range={range}
          width={width}
          onChange={(changed) => {
            latest.current.queries = latest.current.queries.map((one) => (one.refId === changed.refId ? changed : one));
            setQueries(latest.current.queries);
          }}
          onRunQuery={() => ask()}
        />
      ))}
      {shown && <Results shown={shown} width={width} onFilter={filter} />}
    </div>
  );
}

const panelData = (shown: Shown): PanelData => ({
  state: shown.state,
  series: shown.series,
  annotations: shown.annotations,
  error: shown.errors[0],
  errors: shown.errors,
  request: shown.request,
  timeRange: shown.request.range,
});

interface RowProps {
  ds: DataSourceApi;
  settings: ReturnType<typeof sources.getList>[number];
  query: DataQuery;
  queries: DataQuery[];
  data?: PanelData;
  range: ReturnType<typeof absolute>;
  width: number;
  onChange: (query: any) => void;
  onRunQuery: () => void;
}

function Row({ ds, settings, query, width, ...rest }: RowProps) {
  const Editor = sources.plugin.components.ExploreQueryField ?? sources.plugin.components.QueryEditor!;
  return (
    <div data-testid={`query ${query.refId}`} style={{ marginBottom: 8 }}>
      <PanelContainer style={{ width, padding: 8 }}>
        <div style={{ marginBottom: 8 }}>
          {query.refId} ({ds.name})
        </div>
        <DataSourcePluginContextProvider instanceSettings={settings}>
          <Editor datasource={ds} query={query} app={CoreApp.Explore} history={[]} {...(rest as any)} />
        </DataSourcePluginContextProvider>
      </PanelContainer>
    </div>
  );
}
