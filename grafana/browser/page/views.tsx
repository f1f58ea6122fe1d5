// How results look: what Grafana's packages have of its panels, and lists of what
// only Grafana itself draws.

import { css } from '@emotion/css';
import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  type DataFrame,
  DataFrameType,
  type Field,
  FieldType,
  getDisplayProcessor,
  getFieldDisplayName,
  type GrafanaTheme2,
  isTimeSeriesFrame,
  type QueryResultMetaNotice,
  type TimeRange,
} from '@grafana/data';
import { LegendDisplayMode } from '@grafana/schema';
import { Alert, Button, Icon, type IconName, PanelChrome, TimeSeries, useStyles2, useTheme2 } from '@grafana/ui';
import { type AdHocFilterItem } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { useMemo } from 'react';
import { type Shown } from './run';
import { templates } from './templates';

export interface ViewProps {
  shown: Shown;
  width: number;
  onFilter?: (item: AdHocFilterItem, frame: DataFrame) => void;
  onContext?: (frame: DataFrame, row: number) => void;
}

// A frame that Live changes in place is another one for React.
const copied = (frame: DataFrame): DataFrame => ({
  ...frame,
  meta: frame.meta,
  refId: frame.refId,
  name: frame.name,
  length: frame.length,
  fields: frame.fields.map((f) => ({ ...f, config: { ...f.config }, state: undefined })),
});

export function Results({ shown, width, onFilter, onContext }: ViewProps) {
  const theme = useTheme2();
  const frames = useMemo(() => {
    const data = applyFieldOverrides({
      data: shown.series.map(copied),
      fieldConfig: { defaults: {}, overrides: [] },
      replaceVariables: (text, scoped, how) => templates.replace(text, scoped, how),
      theme,
      timeZone: 'utc',
    });
    cacheFieldDisplayNames(data);
    return data;
  }, [shown, theme]);
  const graph = frames.filter((f) => kindOf(f) === 'graph');
  const nodes = frames.filter((f) => kindOf(f) === 'nodeGraph');
  return (
    <div data-testid="results" data-state={shown.state}>
      {shown.errors.map((error, i) => (
        <Alert key={i} title="Query error" severity="error" data-testid="query error">
          <pre>{error.message}</pre>
        </Alert>
      ))}
      {frames.map((f, i) => (
        <Notices key={i} notices={f.meta?.notices ?? []} />
      ))}
      {graph.length > 0 && <Graph frames={graph} range={shown.request.range} width={width} />}
      {nodes.length > 0 && <NodeGraph frames={nodes} width={width} />}
      {frames.map((f, i) => {
        switch (kindOf(f)) {
          case 'logs':
            return <Logs key={i} frame={f} width={width} onFilter={onFilter} onContext={onContext} />;
          case 'nodeGraph':
            return null;
          default:
            return <Table key={i} frame={f} width={width} range={shown.request.range} onFilter={onFilter} />;
        }
      })}
    </div>
  );
}

// As Explore chooses: what the datasource prefers, or a graph of what is a series.
function kindOf(f: DataFrame): string {
  const preferred = f.meta?.preferredVisualisationType;
  if (preferred) {
    return preferred;
  }
  if (f.meta?.type === DataFrameType.LogLines) {
    return 'logs';
  }
  return isTimeSeriesFrame(f) ? 'graph' : 'table';
}

const icons: Record<string, IconName> = {
  info: 'info-circle',
  warning: 'exclamation-triangle',
  error: 'exclamation-circle',
};

function Notices({ notices }: { notices: QueryResultMetaNotice[] }) {
  const styles = useStyles2(getStyles);
  return (
    <>
      {notices.map((n, i) => (
        <div key={i} className={styles.notice} data-testid={`notice ${n.severity}`}>
          <Icon name={icons[n.severity]} /> {n.text}
        </div>
      ))}
    </>
  );
}

function Graph({ frames, range, width }: { frames: DataFrame[]; range: TimeRange; width: number }) {
  const theme = useTheme2();
  const coloured = useMemo(() => {
    let n = 0;
    const palette = theme.visualization.palette;
    return frames.map((f) => ({
      ...f,
      fields: f.fields.map((field) => {
        const config = { ...field.config, custom: { ...field.config.custom, fillOpacity: 12, lineWidth: 1 } };
        if (field.type === FieldType.number) {
          const fixedColor = theme.visualization.getColorByName(palette[n++ % palette.length]);
          config.color = { mode: 'fixed', fixedColor };
        }
        const changed: Field = { ...field, config, state: { ...field.state, seriesIndex: n } };
        return { ...changed, display: getDisplayProcessor({ field: changed, theme, timeZone: 'utc' }) };
      }),
    }));
  }, [frames, theme]);
  return (
    <div data-testid="graph">
      <PanelChrome title="Graph" width={width} height={320}>
        {(w, h) => (
          <TimeSeries
            frames={coloured}
            timeRange={range}
            timeZone="utc"
            width={w}
            height={h}
            legend={{ calcs: [], displayMode: LegendDisplayMode.List, placement: 'bottom', showLegend: true }}
          />
        )}
      </PanelChrome>
    </div>
  );
}

function Table({
  frame,
  range,
  width,
  onFilter,
}: {
  frame: DataFrame;
  range: TimeRange;
  width: number;
  onFilter?: ViewProps['onFilter'];
}) {
  const height = Math.min(420, 90 + 36 * frame.length);
  return (
    <div data-testid="table" data-rows={frame.length}>
      <PanelChrome title={frame.name ? `Table - ${frame.name}` : 'Table'} width={width} height={height}>
        {(w, h) => (
          <TableNG
            data={frame}
            width={w}
            height={h}
            timeRange={range}
            enableVirtualization={frame.length * frame.fields.length > 400}
            onCellFilterAdded={onFilter && ((item) => onFilter(item, frame))}
          />
        )}
      </PanelChrome>
    </div>
  );
}

function Logs({
  frame,
  width,
  onFilter,
  onContext,
}: { frame: DataFrame; width: number } & Pick<ViewProps, 'onFilter' | 'onContext'>) {
  const styles = useStyles2(getStyles);
  const field = (name: string) => frame.fields.find((f) => f.name === name);
  const time = field('timestamp') ?? frame.fields.find((f) => f.type === FieldType.time);
  const body = field('body') ?? frame.fields.find((f) => f.type === FieldType.string);
  const labels = field('labels');
  return (
    <div data-testid="logs" data-rows={frame.length}>
      <PanelChrome title="Logs" width={width} height={420}>
        {() => (
          <div className={styles.logs}>
            {Array.from({ length: Math.min(frame.length, 200) }, (_, i) => (
              <div key={i} className={styles.line} data-testid="line">
                <span className={styles.muted}>{time?.values[i] && new Date(time.values[i]).toISOString()}</span>{' '}
                <span>{body?.values[i]}</span>
                {onContext && (
                  <Button
                    size="sm"
                    variant="secondary"
                    fill="text"
                    icon="gf-show-context"
                    aria-label="Show context"
                    onClick={() => onContext(frame, i)}
                  />
                )}
                <span className={styles.labels}>
                  {Object.entries(labels?.values[i] ?? {}).map(([key, value]) => (
                    <button
                      key={key}
                      type="button"
                      className={styles.label}
                      title="Filter for value"
                      onClick={() => onFilter?.({ key, value: String(value), operator: '=' }, frame)}
                    >
                      {key}={String(value)}
                    </button>
                  ))}
                </span>
              </div>
            ))}
          </div>
        )}
      </PanelChrome>
    </div>
  );
}

function NodeGraph({ frames, width }: { frames: DataFrame[]; width: number }) {
  const styles = useStyles2(getStyles);
  const cell = (f: DataFrame, name: string, i: number) => {
    const field = f.fields.find((x) => x.name === name);
    return field && field.values[i] !== null
      ? String(
          field.display
            ? field.display(field.values[i]).text + (field.display(field.values[i]).suffix ?? '')
            : field.values[i]
        )
      : '';
  };
  const edges = frames.filter((f) => f.fields.some((x) => x.name === 'source'));
  const nodes = frames.filter((f) => !edges.includes(f));
  return (
    <div data-testid="node graph">
      <PanelChrome title="Node graph" width={width} height={320}>
        {() => (
          <div className={styles.logs}>
            {nodes.flatMap((f) =>
              Array.from({ length: f.length }, (_, i) => (
                <div key={`n${i}`} className={styles.line} data-testid="node">
                  {cell(f, 'title', i)} {cell(f, 'mainstat', i)}
                </div>
              ))
            )}
            {edges.flatMap((f) =>
              Array.from({ length: f.length }, (_, i) => (
                <div key={`e${i}`} className={styles.line} data-testid="edge">
                  {cell(f, 'source', i)} → {cell(f, 'target', i)} {cell(f, 'mainstat', i)}
                </div>
              ))
            )}
          </div>
        )}
      </PanelChrome>
    </div>
  );
}

export const nameOf = (field: Field, frame: DataFrame) => getFieldDisplayName(field, frame);

const getStyles = (theme: GrafanaTheme2) => ({
  notice: css({
    color: theme.colors.text.secondary,
    fontSize: theme.typography.bodySmall.fontSize,
    padding: theme.spacing(0.25, 0),
  }),
  logs: css({
    overflow: 'auto',
    height: '100%',
    fontFamily: theme.typography.fontFamilyMonospace,
    fontSize: theme.typography.bodySmall.fontSize,
  }),
  line: css({ padding: theme.spacing(0.25, 1), borderBottom: `1px solid ${theme.colors.border.weak}` }),
  labels: css({ display: 'block' }),
  label: css({
    border: 0,
    background: theme.colors.background.secondary,
    color: theme.colors.text.secondary,
    marginRight: theme.spacing(0.5),
    padding: theme.spacing(0, 0.5),
  }),
  muted: css({ color: theme.colors.text.secondary }),
});
