import {
  AbstractQuery,
  AdHocVariableFilter,
  AnnotationQuery,
  AnnotationSupport,
  CoreApp,
  DataFrame,
  DataQueryRequest,
  DataQueryResponse,
  DataSourceGetTagKeysOptions,
  DataSourceGetTagValuesOptions,
  DataSourceInstanceSettings,
  DataSourceWithLogsContextSupport,
  DataSourceWithQueryExportSupport,
  DataSourceWithQueryImportSupport,
  DataSourceWithQueryModificationSupport,
  DataSourceWithSupplementaryQueriesSupport,
  DataSourceWithToggleableQueryFiltersSupport,
  FieldType,
  getDefaultTimeRange,
  LogRowContextOptions,
  LogRowModel,
  MetricFindValue,
  QueryFilterOptions,
  QueryFixAction,
  QueryFixType,
  ScopedVars,
  SupplementaryQueryOptions,
  SupplementaryQueryType,
  TimeRange,
  ToggleFilterAction,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, StreamingFrameAction, StreamingFrameOptions } from '@grafana/runtime';
import { lastValueFrom, map, Observable, throwError } from 'rxjs';

import { fromAbstract, toAbstract } from './abstract';
import { defaultVariables } from './defaults';
import { addFilter, hasFilter, toggleFilter } from './filters';
import { interpolate, unfold } from './interpolate';
import { Fields } from './language/fields';
import { editorOf, isOwn, questionOf } from './language/question';
import { readStored } from './stored';
import { contextQuery, contextRange, supplementary, supplementaryRequest } from './supplement';
import { Exporter, FieldInfo, Verdict, WeirOptions, WeirQuery } from './types';
import { mostValues, WeirVariables } from './variables';

/** What values are asked for. */
export interface ValuesOptions {
  prefix?: string;
  range?: TimeRange;
  where?: string;
  filters?: AdHocVariableFilter[];
  limit?: number;
}

/** What annotations show unless they are told otherwise. */
const findings = { editor: 'builder', show: 'findings', format: 'annotations' } as const;

/** Rows that a live tail keeps, unless the query says so. */
const tailed = 1000;

export class WeirDatasource
  extends DataSourceWithBackend<WeirQuery, WeirOptions>
  implements
    DataSourceWithSupplementaryQueriesSupport<WeirQuery>,
    DataSourceWithLogsContextSupport<WeirQuery>,
    DataSourceWithToggleableQueryFiltersSupport<WeirQuery>,
    DataSourceWithQueryModificationSupport<WeirQuery>,
    DataSourceWithQueryImportSupport<WeirQuery>,
    DataSourceWithQueryExportSupport<WeirQuery>
{
  annotations: AnnotationSupport<WeirQuery> = {
    getDefaultQuery: () => ({ ...findings }),
    // Grafana shows a new one with the default query, and runs it without.
    prepareAnnotation: (a: AnnotationQuery<WeirQuery>) => ({
      ...a,
      target: { refId: 'Anno', ...findings, ...a.target },
    }),
    // Those that were written by hand may have no refId and no format.
    prepareQuery: ({ target }) =>
      target && { ...target, refId: target.refId || 'Anno', format: target.format || findings.format },
  };

  private known?: Promise<Fields>;

  constructor(settings: DataSourceInstanceSettings<WeirOptions>) {
    super(settings);
    this.variables = new WeirVariables(this);
    this.streamOptionsProvider = streamOptions;
  }

  // Queries

  getDefaultQuery(_: CoreApp): Partial<WeirQuery> {
    return { editor: 'builder', show: 'series', by: ['src ip'], metrics: ['bits'], limit: 10 };
  }

  filterQuery(query: WeirQuery): boolean {
    return !query.hide && (editorOf(query) === 'builder' || Boolean(query.question?.trim()));
  }

  getQueryDisplayText(stored: WeirQuery): string {
    const query = readStored(stored);
    return isOwn(query.show) && !query.question ? query.show : query.question || questionOf(query);
  }

  query(request: DataQueryRequest<WeirQuery>): Observable<DataQueryResponse> {
    const targets = request.targets.map((q) => ({
      ...regrouped(q, request.groupByKeys),
      ...(request.liveStreaming && { live: true }),
    }));
    try {
      return super.query({ ...request, targets }).pipe(map((answer) => withRange(answer, request.range)));
    } catch (error) {
      return throwError(() => error); // a variable has a value that no filter can have
    }
  }

  applyTemplateVariables(query: WeirQuery, scopedVars: ScopedVars, filters?: AdHocVariableFilter[]): WeirQuery {
    const adhoc = [...(query.adhoc ?? []), ...(filters ?? [])].filter((f) => f.key !== '');
    return { ...interpolate(query, scopedVars), adhoc: adhoc.length > 0 ? adhoc : undefined };
  }

  /** Explore has no ad-hoc filters: they become part of the query's own. */
  interpolateVariablesInQueries(
    queries: WeirQuery[],
    scopedVars: ScopedVars,
    filters?: AdHocVariableFilter[]
  ): WeirQuery[] {
    return queries.map((q) => unfold({ ...interpolate(q, scopedVars), datasource: this.getRef() }, filters ?? []));
  }

  targetContainsTemplate(stored: WeirQuery): boolean {
    const { question, where, by = [] } = readStored(stored);
    return [question, where, ...by].some(
      (text) => text && getTemplateSrv().containsTemplate(text.replace(/\$__\w+/g, ''))
    );
  }

  // What editors ask for

  /** fields are what flows are chosen and grouped by. */
  fields(): Promise<Fields> {
    this.known ??= this.getResource<{ fields: FieldInfo[] }>('fields').then(({ fields }) => new Fields(fields));
    this.known.catch(() => (this.known = undefined)); // ask again
    return this.known;
  }

  async exporters(range?: TimeRange): Promise<Exporter[]> {
    return (await this.getResource<{ exporters: Exporter[] }>('exporters', moments(range))).exporters;
  }

  /** values returns a field's values, as flows in a range have them: the most frequent first. */
  async values(
    field: string,
    { prefix = '', range, where, filters = [], limit = 20 }: ValuesOptions = {}
  ): Promise<string[]> {
    if (!(await this.fields()).named(field)?.group) {
      return [];
    }
    if (!where && filters.length === 0) {
      const params = { field, prefix, limit, ...moments(range) };
      return (await this.getResource<{ values: string[] }>('values', params)).values;
    }
    const top: WeirQuery = {
      refId: 'values',
      show: 'top',
      by: [field],
      metrics: ['flows'],
      limit: mostValues,
      where,
      format: 'table',
    };
    const { data, errors } = await lastValueFrom(this.query(requestOf(top, range ?? getDefaultTimeRange(), filters)));
    const failed = errors?.[0];
    if (failed) {
      throw new Error(failed.message ?? failed.data?.message ?? 'the values were refused');
    }
    const frame: DataFrame | undefined = data[0];
    const texts = frame?.fields.find((f) => f.type === FieldType.string)?.values ?? [];
    const others = frame?.meta?.custom?.otherGroups > 0; // the last row is of them
    return texts
      .slice(0, others ? -1 : undefined)
      .filter((v: string) => v.toLowerCase().startsWith(prefix.toLowerCase()))
      .slice(0, limit);
  }

  /** validate says what the backend makes of a query. */
  validate(query: WeirQuery): Promise<Verdict> {
    return this.postResource<Verdict>('validate', interpolate(query, {}), { showErrorAlert: false });
  }

  // Dashboards

  async getTagKeys(_?: DataSourceGetTagKeysOptions<WeirQuery>): Promise<MetricFindValue[]> {
    const { all } = await this.fields();
    return all.filter((f) => f.filter && f.kind !== 'none').map((f) => ({ text: f.name, value: f.column ?? f.name }));
  }

  async getTagValues({
    key,
    filters,
    timeRange,
  }: DataSourceGetTagValuesOptions<WeirQuery>): Promise<MetricFindValue[]> {
    const others = filters.filter((f) => f.key !== key && f.key !== '' && f.value !== '');
    const values = await this.values(key, { range: timeRange, filters: others, limit: mostValues });
    return values.map((text) => ({ text, value: text }));
  }

  async getGroupByKeys(_?: DataSourceGetTagKeysOptions<WeirQuery>): Promise<MetricFindValue[]> {
    const { all } = await this.fields();
    return [...all.filter((f) => f.group).map((f) => f.name), 'pair'].map((text) => ({ text, value: text }));
  }

  async getDefaultVariables() {
    return defaultVariables(this.type, this.uid);
  }

  // Click to filter

  getSupportedQueryModifications(): QueryFixType[] {
    return ['ADD_FILTER', 'ADD_FILTER_OUT'];
  }

  modifyQuery(query: WeirQuery, { type, options }: QueryFixAction): WeirQuery {
    const known = type === 'ADD_FILTER' || type === 'ADD_FILTER_OUT';
    return known && options?.key
      ? addFilter(query, options.key, options.value ?? '', type === 'ADD_FILTER_OUT')
      : query;
  }

  toggleQueryFilter(query: WeirQuery, { type, options }: ToggleFilterAction): WeirQuery {
    return toggleFilter(query, options.key, options.value, type === 'FILTER_OUT');
  }

  queryHasFilter(query: WeirQuery, { key, value }: QueryFilterOptions): boolean {
    return hasFilter(query, key, value);
  }

  // Explore

  getSupportedSupplementaryQueryTypes(): SupplementaryQueryType[] {
    return [SupplementaryQueryType.LogsVolume, SupplementaryQueryType.LogsSample];
  }

  getSupplementaryQuery(options: SupplementaryQueryOptions, query: WeirQuery): WeirQuery | undefined {
    return supplementary(options, query);
  }

  getSupplementaryRequest(
    type: SupplementaryQueryType,
    request: DataQueryRequest<WeirQuery>,
    options?: SupplementaryQueryOptions
  ): DataQueryRequest<WeirQuery> | undefined {
    return supplementaryRequest(options ?? { type }, request);
  }

  getLogRowContext = async (row: LogRowModel, options?: LogRowContextOptions): Promise<DataQueryResponse> => {
    const query = contextQuery(row, options);
    return query ? lastValueFrom(this.query(requestOf(query, contextRange(row, options)))) : { data: [] };
  };

  getLogRowContextQuery = async (row: LogRowModel, options?: LogRowContextOptions): Promise<WeirQuery | null> =>
    contextQuery(row, options) ?? null;

  async importFromAbstractQueries(queries: AbstractQuery[]): Promise<WeirQuery[]> {
    const fields = await this.fields();
    return queries.map((q) => fromAbstract(q, fields));
  }

  async exportToAbstractQueries(queries: WeirQuery[]): Promise<AbstractQuery[]> {
    const fields = await this.fields();
    return queries.map((q) => toAbstract(q, fields));
  }
}

/** regrouped puts what a dashboard's group-by variable says in place of the columns of a query that has groups. */
function regrouped(query: WeirQuery, keys: string[] | undefined): WeirQuery {
  const grouped = editorOf(query) === 'builder' && ['top', 'series'].includes(query.show ?? 'top');
  return keys && keys.length > 0 && grouped ? { ...query, by: keys } : query;
}

/** withRange lets links lead to the time that the answer is about. */
function withRange(answer: DataQueryResponse, range: TimeRange): DataQueryResponse {
  const links = answer.data.flatMap((frame: DataFrame) => (frame.fields ?? []).flatMap((f) => f.config?.links ?? []));
  for (const link of links) {
    if (link.internal) {
      link.internal.range = range;
    }
  }
  return answer;
}

/** moments are a range as resources take it. */
function moments(range?: TimeRange): { from?: number; to?: number } {
  return range ? { from: range.from.valueOf(), to: range.to.valueOf() } : {};
}

/** requestOf asks one query apart from any panel. */
function requestOf(
  query: WeirQuery,
  range: TimeRange,
  filters: AdHocVariableFilter[] = []
): DataQueryRequest<WeirQuery> {
  return {
    requestId: `weir-${query.refId}`,
    targets: [query],
    range,
    filters,
    interval: '1m',
    intervalMs: 60_000,
    timezone: 'utc',
    app: CoreApp.Unknown,
    scopedVars: {},
    startTime: Date.now(),
  };
}

/** streamOptions says whether what comes is added to what is there, or replaces it. */
export function streamOptions(request: DataQueryRequest<WeirQuery>, frame: DataFrame): Partial<StreamingFrameOptions> {
  const query = request.targets.find((q) => q.refId === frame.refId) ?? request.targets[0];
  return frame.meta?.custom?.live === 'replace'
    ? { action: StreamingFrameAction.Replace, maxLength: Infinity, maxDelta: Infinity }
    : { action: StreamingFrameAction.Append, maxLength: query?.limit || tailed, maxDelta: Infinity };
}
