// Runs queries as Grafana's panels and Explore do.

import {
  type AnnotationEvent,
  CoreApp,
  type DataFrame,
  type DataQuery,
  type DataQueryError,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceApi,
  dateMath,
  dateTime,
  FieldType,
  LoadingState,
  type MetricFindValue,
  rangeUtil,
  type RawTimeRange,
  type TimeRange,
  toDataFrame,
  VariableSupportType,
} from '@grafana/data';
import { toDataQueryError } from '@grafana/runtime';
import { catchError, from, isObservable, lastValueFrom, map, type Observable, of, scan } from 'rxjs';

export interface Shown {
  state: LoadingState;
  series: DataFrame[];
  annotations: DataFrame[];
  errors: DataQueryError[];
  request: DataQueryRequest;
}

let requests = 0;

export function absolute(raw: RawTimeRange): TimeRange {
  const moment = (text: RawTimeRange['from'], end: boolean) =>
    typeof text === 'string' && /^\d+$/.test(text)
      ? dateTime(Number(text))
      : dateMath.toDateTime(text, { roundUp: end, timezone: 'utc' })!;
  return { from: moment(raw.from, false), to: moment(raw.to, true), raw };
}

export function requestOf(
  ds: DataSourceApi,
  targets: DataQuery[],
  raw: RawTimeRange,
  more: Partial<DataQueryRequest> = {}
): DataQueryRequest {
  const range = absolute(raw);
  const maxDataPoints = more.maxDataPoints ?? 1200;
  const { interval, intervalMs } = rangeUtil.calculateInterval(range, maxDataPoints, ds.interval);
  return {
    app: CoreApp.Explore,
    requestId: `Q${++requests}`,
    timezone: 'utc',
    range,
    rangeRaw: raw,
    interval,
    intervalMs,
    maxDataPoints,
    scopedVars: {
      __interval: { text: interval, value: interval },
      __interval_ms: { text: String(intervalMs), value: intervalMs },
    },
    targets,
    startTime: Date.now(),
    ...more,
  };
}

// Only a query that says nothing becomes the default one.
const isEmpty = (q: DataQuery) =>
  Object.keys(q).every((key) => ['refId', 'hide', 'key', 'queryType', 'datasource'].includes(key));

// What comes under another key is shown beside what came before, under the same in
// its place.
export function run(ds: DataSourceApi, request: DataQueryRequest): Observable<Shown> {
  const defaults = ds.getDefaultQuery?.(CoreApp.PanelEditor) ?? {};
  request.targets = request.targets
    .map((q) => (isEmpty(q) ? { ...defaults, ...q } : q))
    .filter((q) => !q.hide && (ds.filterQuery?.(q) ?? true));
  const empty: Shown = { state: LoadingState.Done, series: [], annotations: [], errors: [], request };
  if (request.targets.length === 0) {
    return of(empty);
  }
  const answer = ds.query(request);
  const packets: Observable<DataQueryResponse> = isObservable(answer) ? answer : from(answer);
  return packets.pipe(
    scan(
      (all, packet) => all.set(packet.key ?? packet.data[0]?.refId ?? 'A', packet),
      new Map<string, DataQueryResponse>()
    ),
    map((all) => {
      const packets = [...all.values()];
      const frames = packets.flatMap((p) => p.data.map((d) => toDataFrame(d)));
      const errors = packets.flatMap((p) => p.errors ?? (p.error ? [p.error] : []));
      const last = packets[packets.length - 1];
      return {
        state: errors.length > 0 ? LoadingState.Error : (last.state ?? LoadingState.Done),
        series: frames.filter((f) => f.meta?.dataTopic !== 'annotations'),
        annotations: frames.filter((f) => f.meta?.dataTopic === 'annotations'),
        errors,
        request,
      };
    }),
    catchError((error) => of({ ...empty, state: LoadingState.Error, errors: [toDataQueryError(error)] }))
  );
}

// The values of a dashboard's variable.
export async function values(ds: DataSourceApi, query: any, raw: RawTimeRange): Promise<MetricFindValue[]> {
  const support: any = ds.variables;
  if (!support) {
    return ds.metricFindQuery!(query, { range: absolute(raw) });
  }
  const type = support.getType();
  const target = type === VariableSupportType.Standard ? support.toDataQuery(query) : query;
  const request: DataQueryRequest = {
    ...requestOf(ds, [{ refId: 'variable', ...target }], raw),
    app: CoreApp.Dashboard,
    interval: '',
    intervalMs: 0,
    maxDataPoints: undefined,
    scopedVars: {},
  };
  const ask: Observable<DataQueryResponse> | Promise<DataQueryResponse> =
    type === VariableSupportType.Custom || (type === VariableSupportType.Standard && support.query)
      ? support.query(request)
      : ds.query(request);
  const response = await lastValueFrom(from(ask));
  if (response.error) {
    throw new Error(response.error.message);
  }
  return response.data.flatMap((d: any) => {
    if (!Array.isArray(d.fields)) {
      return [d];
    }
    const field = (name: string) => d.fields.find((f: any) => f.name === name && f.type === FieldType.string);
    const text = field('text') ?? field('value') ?? d.fields.find((f: any) => f.type === FieldType.string);
    const value = field('value') ?? text;
    return text ? text.values.map((t: string, i: number) => ({ text: t, value: value.values[i] })) : [];
  });
}

// What a dashboard's annotation query marks.
export async function marks(ds: DataSourceApi, annotation: any, raw: RawTimeRange): Promise<AnnotationEvent[]> {
  const support: any = ds.annotations;
  const whole = { ...support.getDefaultQuery?.(), ...annotation };
  const prepared = support.prepareAnnotation ? support.prepareAnnotation(whole) : whole;
  const target = support.prepareQuery ? support.prepareQuery(prepared) : prepared.target;
  if (!target) {
    return [];
  }
  const request = requestOf(ds, [{ ...target, refId: 'Anno' }], raw, { app: CoreApp.Dashboard, maxDataPoints: 100 });
  const shown = await lastValueFrom(run(ds, request));
  if (shown.errors.length > 0) {
    throw new Error(shown.errors[0].message);
  }
  const frames = shown.series.length > 0 ? shown.series : shown.annotations;
  if (support.processEvents) {
    return (await lastValueFrom(support.processEvents(prepared, frames))) as AnnotationEvent[];
  }
  return frames.flatMap((f) => {
    const of = (name: string, type?: FieldType) =>
      f.fields.find((x) => x.name.toLowerCase() === name.toLowerCase()) ??
      f.fields.find((x) => type && x.type === type);
    const parts: Array<[string, any]> = [
      ['time', of('time', FieldType.time)],
      ['timeEnd', of('timeEnd')],
      ['title', of('title')],
      ['text', of('text', FieldType.string)],
      ['tags', of('tags')],
      ['id', of('id')],
    ];
    return Array.from({ length: f.length }, (_, i) => {
      const event: Record<string, any> = {};
      for (const [name, field] of parts) {
        const value = field?.values[i];
        if (value !== undefined && value !== null) {
          event[name] =
            name === 'tags' && typeof value === 'string' ? value.split(',').map((tag) => tag.trim()) : value;
        }
      }
      return event as AnnotationEvent;
    });
  });
}
