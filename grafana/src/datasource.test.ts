import {
  AbstractLabelOperator,
  AdHocVariableFilter,
  createDataFrame,
  DataFrame,
  DataQueryRequest,
  FieldType,
  LogRowContextQueryDirection,
  LogRowModel,
  SupplementaryQueryType,
} from '@grafana/data';
import { DataSourceWithBackend, StreamingFrameAction } from '@grafana/runtime';
import { lastValueFrom, of } from 'rxjs';

import { streamOptions, WeirDatasource } from './datasource';
import { newDatasource, range, replaceWith, request } from './testing';
import { WeirQuery, WeirVariableQuery } from './types';
import { WeirVariables } from './variables';

let variables: ReturnType<typeof replaceWith>;

jest.mock('@grafana/runtime', () => ({
  ...jest.requireActual('@grafana/runtime'),
  getTemplateSrv: () => ({
    replace: (...args: Parameters<typeof variables>) => variables(...args),
    containsTemplate: (text: string) => /\$|\[\[/.test(text),
  }),
}));

let datasource: WeirDatasource;
let sent: Array<DataQueryRequest<WeirQuery>>;
let answer: DataFrame[];

beforeEach(() => {
  variables = replaceWith({});
  sent = [];
  answer = [];
  datasource = newDatasource();
  jest.spyOn(DataSourceWithBackend.prototype, 'query').mockImplementation((r) => {
    const asked = r as DataQueryRequest<WeirQuery>;
    const targets = asked.targets
      .filter((q) => datasource.filterQuery(q))
      .map((q) => datasource.applyTemplateVariables(q, asked.scopedVars, asked.filters));
    sent.push({ ...asked, targets });
    return of({ data: answer });
  });
});

afterEach(() => jest.restoreAllMocks());

const applied = (query: Partial<WeirQuery>, filters?: AdHocVariableFilter[]) =>
  datasource.applyTemplateVariables({ refId: 'A', ...query }, {}, filters);

describe('variables in queries', () => {
  it.each([
    ['src ip = $x', '10.0.0.1', 'src ip = 10.0.0.1'],
    ['app_name = ${x}', 'Gi0/1 "up"', `app_name = 'Gi0/1 "up"'`],
    ['app_name = ${x:weir}', 'a b', 'app_name = "a b"'],
    ['app_name = [[x:weir]]', 'and', 'app_name = "and"'],
    ['app_name in $x', ['a', 'b or any', 'c'], 'app_name in [a "b or any" c]'],
    ['$__in(src ip, $x)', ['a', 'b'], '$__in(src ip, [a b])'],
    ['$__in(src ip, ${x:weir})', ['a'], '$__in(src ip, a)'],
    ['$__in(src ip, ${x:weir})', 'any', '$__in(src ip, any)'],
    ['$__in(src ip, $x)', [], '$__in(src ip, )'],
    ['$__in(${x:raw}, 7)', 'in if', '$__in(in if, 7)'],
    ['${x:raw}', 'proto tcp or any', 'proto tcp or any'],
    ['app_name = "$x"', 'or any or app_name =', 'app_name = "or any or app_name ="'],
    ["app_name = '${x:weir}'", 'a "b"', `app_name = 'a "b"'`],
    ['app_name ~ "^$x-" # $x', ['a b'], 'app_name ~ "^a b-" # $x'],
    ['bytes > $__interval_ms and start > $__from', '', 'bytes > $__interval_ms and start > $__from'],
  ])('%s', (where, x, want) => {
    variables = replaceWith({ x, __interval_ms: '1', __from: '2' });
    expect(applied({ where }).where).toBe(want);
    expect(applied({ question: `top src where ${where}` }).question).toBe(`top src where ${want}`);
  });

  it('replaces columns by what they are called', () => {
    variables = replaceWith({ x: ['src ip', 'dst as'] });
    expect(applied({ by: ['proto', '$x'] }).by).toEqual(['proto', 'src ip', 'dst as']);
  });

  it('answers with an error where no filter can have the value', async () => {
    variables = replaceWith({ x: `"'` });
    await expect(lastValueFrom(datasource.query(request([{ refId: 'A', where: 'app_name = $x' }])))).rejects.toThrow(
      'both kinds of quotes'
    );
  });

  it.each([
    ['app_name = "$x"', 'a" or any or app_name = "'],
    ["app_name = '$x'", "it's"],
    ['app_name = "$x"', ['a', 'b']],
  ])('refuses %s of %p', (where, x) => {
    variables = replaceWith({ x });
    expect(() => applied({ where })).toThrow('quotes');
  });

  it('tells alert rules that there are some', () => {
    expect(datasource.targetContainsTemplate({ refId: 'A', where: 'src ip $x' })).toBe(true);
    expect(datasource.targetContainsTemplate({ refId: 'A', by: ['$x'] })).toBe(true);
    expect(datasource.targetContainsTemplate({ refId: 'A', question: 'top src where $__timeFilter' })).toBe(false);
  });
});

describe('ad-hoc filters and group-by variables', () => {
  const filters = [{ key: 'src_addr', operator: '=', value: '10.0.0.1' }];

  it('go to the backend as they are', async () => {
    await lastValueFrom(datasource.query(request([{ refId: 'A', question: 'top src' }], { filters })));
    expect(sent[0].targets[0]).toMatchObject({ question: 'top src', adhoc: filters });
    expect(applied({ where: 'any' }, []).adhoc).toBeUndefined();
    const link = { key: 'dst_port', operator: '=', value: '443', row: true };
    expect(applied({ adhoc: [link] }, filters).adhoc).toEqual([link, ...filters]);
  });

  it('become part of the filter on the way to Explore', () => {
    const all = [
      ...filters,
      { key: 'dst_port', operator: '=|', value: '80', values: ['80', '443'] },
      { key: 'proto', operator: '!=', value: 'icmp' },
      { key: 'src_as', operator: '=', value: '(none)' },
      { key: 'app_name', operator: '=~', value: '^a b' },
      { key: 'bytes', operator: '>', value: '1k' },
      { key: 'user', operator: '=', value: `"'` },
      { key: 'dst_port', operator: '=~', value: '^(80|443)$' }, // which is no pattern there
      { key: 'src_addr', operator: '!~', value: '10.0.0.1' },
    ];
    const [query] = datasource.interpolateVariablesInQueries([{ refId: 'A', where: 'port 1 or port 2' }], {}, all);
    expect(query.where).toBe(
      '(port 1 or port 2) and src_addr = 10.0.0.1 and dst_port in [80 443] and proto != icmp and not src_as exists and app_name ~ "^a b" and bytes > 1k'
    );
    expect(query.adhoc).toEqual(all.slice(6));
    expect(query.datasource).toEqual({ type: 'weir-flows-datasource', uid: 'weir' });
    const [text] = datasource.interpolateVariablesInQueries([{ refId: 'A', question: 'top src' }], {}, filters);
    expect(text.question).toBe('top src where src_addr = 10.0.0.1');
  });

  it('group by what the dashboard says', async () => {
    const groupByKeys = ['dst as', 'proto'];
    const queries: WeirQuery[] = [
      { refId: 'A', show: 'series', by: ['src ip'] },
      { refId: 'B', show: 'flows' },
      { refId: 'C', question: 'top src' },
    ];
    await lastValueFrom(datasource.query(request(queries, { groupByKeys })));
    expect(sent[0].targets.map((q) => q.by)).toEqual([groupByKeys, undefined, undefined]);
  });

  it('offers what there is', async () => {
    const keys = await datasource.getTagKeys();
    expect(keys).toContainEqual({ text: 'src ip', value: 'src_addr' });
    expect(keys).toContainEqual({ text: 'bps', value: 'bps' });
    const groups = (await datasource.getGroupByKeys()).map((k) => k.value);
    expect(groups).toEqual(expect.arrayContaining(['src ip', 'pair']));
    expect(groups).not.toContain('bps');
  });

  it('offers values that occur in the range', async () => {
    const get = jest.spyOn(datasource, 'getResource').mockResolvedValue({ values: ['tcp', '<b>udp</b>'] });
    expect(await datasource.getTagValues({ key: 'proto', filters: [], timeRange: range })).toEqual([
      { text: 'tcp', value: 'tcp' },
      { text: '<b>udp</b>', value: '<b>udp</b>' },
    ]);
    expect(get).toHaveBeenCalledWith('values', {
      field: 'proto',
      prefix: '',
      limit: 1000,
      from: 1_795_690_000_000,
      to: 1_795_693_600_000,
    });
    expect(await datasource.getTagValues({ key: 'bps', filters: [] })).toEqual([]);
  });

  it('offers only values of flows that pass the other filters', async () => {
    answer = [
      createDataFrame({
        fields: [
          { name: 'proto', type: FieldType.string, values: ['tcp', 'udp', 'other'] },
          { name: 'flows', type: FieldType.number, values: [3, 2, 9] },
        ],
        meta: { custom: { otherGroups: 4 } },
      }),
    ];
    const values = await datasource.getTagValues({
      key: 'proto',
      filters: [...filters, { key: 'proto', operator: '=', value: 'x' }],
    });
    expect(values.map((v) => v.value)).toEqual(['tcp', 'udp']);
    expect(sent[0].targets[0]).toMatchObject({
      show: 'top',
      by: ['proto'],
      metrics: ['flows'],
      limit: 1000,
      adhoc: filters,
    });
  });
});

describe('variables of dashboards', () => {
  const ask = async (query: Partial<WeirVariableQuery>, scopedVars = {}) => {
    const { data } = await lastValueFrom(
      (datasource.variables as WeirVariables).query({
        ...request([]),
        scopedVars,
        targets: [{ refId: 'V', ...query }],
      } as unknown as DataQueryRequest<WeirVariableQuery>)
    );
    return data;
  };

  it('are exporters by name', async () => {
    jest
      .spyOn(datasource, 'getResource')
      .mockResolvedValue({ exporters: [{ address: '192.0.2.1', name: 'edge' }, { address: '192.0.2.2' }] });
    expect(await ask({ kind: 'exporters' })).toEqual([
      { text: 'edge', value: '192.0.2.1' },
      { text: '192.0.2.2', value: '192.0.2.2' },
    ]);
  });

  it('are values, of what is typed and of other variables', async () => {
    const get = jest.spyOn(datasource, 'getResource').mockResolvedValue({ values: ['443'] });
    expect(await ask({ kind: 'values', field: 'if' }, { __searchFilter: { text: '4', value: '4' } })).toEqual([
      { text: '443', value: '443' },
    ]);
    expect(get).toHaveBeenCalledWith('values', expect.objectContaining({ field: 'if', prefix: '4', limit: 1000 }));
    variables = replaceWith({ exporter: ['192.0.2.1', '192.0.2.2'] });
    await ask({ kind: 'values', field: 'in if', where: '$__in(exporter ip, $exporter)' });
    expect(sent[0].targets[0]).toMatchObject({ by: ['in if'], where: '$__in(exporter ip, [192.0.2.1 192.0.2.2])' });
  });

  it('are fields', async () => {
    expect(await ask({ kind: 'fields' })).toContainEqual({ text: 'dst as', value: 'dst as' });
  });

  it('come with the datasource', async () => {
    const all = await datasource.getDefaultVariables();
    expect(all.map((v) => v.spec.name)).toEqual(['exporter', 'interface', 'direction']);
    expect(all[0].spec).toMatchObject({
      allValue: 'any',
      multi: true,
      query: { group: 'weir-flows-datasource', datasource: { name: 'weir' }, spec: { kind: 'exporters' } },
    });
  });
});

describe('click to filter', () => {
  it('adds, takes away and turns round', () => {
    const parts: WeirQuery = { refId: 'A', show: 'flows', where: 'proto tcp' };
    const key = 'dst_port';
    const added = datasource.modifyQuery(parts, { type: 'ADD_FILTER', options: { key, value: '443' } });
    expect(added.where).toBe('proto tcp and dst_port = 443');
    expect(datasource.queryHasFilter(added, { key, value: '443' })).toBe(true);
    expect(datasource.modifyQuery(added, { type: 'ADD_FILTER', options: { key, value: '443' } }).where).toBe(
      added.where
    );
    const out = datasource.toggleQueryFilter(added, { type: 'FILTER_OUT', options: { key, value: '443' } });
    expect(out.where).toBe('proto tcp and dst_port != 443');
    expect(datasource.toggleQueryFilter(out, { type: 'FILTER_OUT', options: { key, value: '443' } }).where).toBe(
      'proto tcp'
    );
  });

  it('works on text, quotes, and leaves what no filter can say', () => {
    const text: WeirQuery = { refId: 'A', question: 'flows where port 1 or port 2' };
    const add = (value: string, key = 'app_name') =>
      datasource.modifyQuery(text, { type: 'ADD_FILTER_OUT', options: { key, value } }).question;
    expect(add('<b>x</b> or any')).toBe('flows where (port 1 or port 2) and app_name != "<b>x</b> or any"');
    expect(add('(none)')).toBe('flows where (port 1 or port 2) and app_name exists');
    expect(add(`"'`)).toBe(text.question);
    expect(add('x', 'a) or (b')).toBe(text.question);
    expect(datasource.modifyQuery(text, { type: 'ADD_STRING_FILTER', options: { key: 'a', value: 'b' } })).toBe(text);
  });
});

describe('Explore', () => {
  it('shows how many flows there were', () => {
    const type = SupplementaryQueryType.LogsVolume;
    const r = datasource.getSupplementaryRequest(
      type,
      request([
        { refId: 'A', question: 'flows 50 last 10min where proto tcp' },
        { refId: 'B', show: 'top' },
        { refId: 'C', show: 'flows', hide: true },
      ])
    );
    expect(r?.targets).toMatchObject([
      { refId: 'log-volume-A', show: 'series', metrics: ['flows'], where: 'proto tcp' },
    ]);
    expect(datasource.getSupplementaryRequest(type, request([{ refId: 'B', show: 'top' }]))).toBeUndefined();
  });

  it('shows some of the flows that were added up', () => {
    const query = datasource.getSupplementaryQuery(
      { type: SupplementaryQueryType.LogsSample, limit: 7 },
      { refId: 'A', show: 'series', where: 'proto tcp' }
    );
    expect(query).toMatchObject({ show: 'flows', format: 'logs', limit: 7, where: 'proto tcp' });
    expect(
      datasource.getSupplementaryQuery({ type: SupplementaryQueryType.LogsSample }, { refId: 'A', show: 'findings' })
    ).toBeUndefined();
  });

  it('finds flows between the same hosts', async () => {
    const row = {
      timeEpochMs: 1_795_690_000_000,
      labels: { src_addr: '10.0.0.1', dst_addr: '2001:db8::1' },
    } as unknown as LogRowModel;
    await datasource.getLogRowContext(row, { direction: LogRowContextQueryDirection.Forward, limit: 5 });
    await datasource.getLogRowContext(row, { direction: LogRowContextQueryDirection.Backward, timeWindowMs: 1000 });
    const both = '[10.0.0.1 2001:db8::1]';
    expect(sent[0].targets[0]).toMatchObject({
      show: 'flows',
      format: 'logs',
      limit: 5,
      where: `src ip in ${both} and dst ip in ${both}`,
    });
    expect(sent.map((r) => [r.range.from.valueOf(), r.range.to.valueOf()])).toEqual([
      [1_795_690_000_000, 1_795_690_600_000],
      [1_795_689_999_000, 1_795_690_000_001],
    ]);
    expect(await datasource.getLogRowContext({ ...row, labels: {} })).toEqual({ data: [] });
  });

  it('tails what it is asked to', async () => {
    await lastValueFrom(datasource.query(request([{ refId: 'A', show: 'flows' }], { liveStreaming: true })));
    expect(sent[0].targets[0].live).toBe(true);
  });

  it('takes filters along to other datasources and back', async () => {
    const query: WeirQuery = {
      refId: 'A',
      show: 'flows',
      where: 'src ip = 10.0.0.1 and app_name ~ "^a" and bytes > 1k',
    };
    const abstract = [
      { name: 'src_addr', value: '10.0.0.1', operator: AbstractLabelOperator.Equal },
      { name: 'app_name', value: '^a', operator: AbstractLabelOperator.EqualRegEx },
    ];
    expect(await datasource.exportToAbstractQueries([query])).toEqual([{ refId: 'A', labelMatchers: abstract }]);
    const unknown = { name: 'job', value: 'x', operator: AbstractLabelOperator.Equal };
    const [back] = await datasource.importFromAbstractQueries([{ refId: 'A', labelMatchers: [...abstract, unknown] }]);
    expect(back).toMatchObject({ show: 'flows', where: 'src_addr = 10.0.0.1 and app_name ~ "^a"' });
  });
});

test('links lead to the time that an answer is about', async () => {
  const links = [{ title: 'Its flows', url: '', internal: { datasourceUid: 'weir', datasourceName: 'w', query: {} } }];
  answer = [createDataFrame({ fields: [{ name: 'src_addr', values: ['a'], config: { links } }] })];
  const { data } = await lastValueFrom(datasource.query(request([{ refId: 'A', show: 'top' }])));
  expect(data[0].fields[0].config.links[0].internal.range).toBe(range);
});

test('live frames are added to, or replaced', () => {
  const frame = (live: string) => createDataFrame({ fields: [], meta: { custom: { live } }, refId: 'A' });
  expect(streamOptions(request([{ refId: 'A', limit: 50 }]), frame('append'))).toMatchObject({
    action: StreamingFrameAction.Append,
    maxLength: 50,
  });
  expect(streamOptions(request([{ refId: 'A' }]), frame('replace')).action).toBe(StreamingFrameAction.Replace);
});

test('queries that say nothing are not run', () => {
  expect(datasource.filterQuery({ refId: 'A', editor: 'code', question: ' ' })).toBe(false);
  expect(datasource.filterQuery({ refId: 'A', show: 'flows' })).toBe(true);
  expect(datasource.filterQuery({ refId: 'A', show: 'flows', hide: true })).toBe(false);
});

test('queries have a text', () => {
  expect(datasource.getQueryDisplayText({ refId: 'A', show: 'findings' })).toBe('findings');
  expect(datasource.getQueryDisplayText({ refId: 'A', question: 'top src' })).toBe('top src');
  expect(datasource.getQueryDisplayText({ refId: 'A', show: 'series', by: ['src as'] })).toBe('series src as');
  const provisioned = { refId: 'A', show: 'top', by: null, metrics: null } as unknown as WeirQuery;
  expect(datasource.getQueryDisplayText(provisioned)).toBe('top');
  expect(datasource.targetContainsTemplate(provisioned)).toBe(false);
});

test('annotations are findings unless they are told otherwise', () => {
  const { getDefaultQuery, prepareAnnotation, prepareQuery } = datasource.annotations;
  expect(getDefaultQuery!()).toMatchObject({ show: 'findings', format: 'annotations' });
  expect(prepareAnnotation!({ name: 'new' }).target).toMatchObject({
    refId: 'Anno',
    show: 'findings',
    format: 'annotations',
  });
  expect(prepareAnnotation!({ name: 'other', target: { refId: 'X', show: 'flows' } }).target).toMatchObject({
    refId: 'X',
    show: 'flows',
  });
  const anno = { name: 'a', enable: true, iconColor: 'red', target: { show: 'findings' } as WeirQuery };
  expect(prepareQuery!(anno)).toEqual({ refId: 'Anno', show: 'findings', format: 'annotations' });
});

test('the fields are asked for once, and again after an error', async () => {
  const d = new WeirDatasource({ uid: 'x', type: 't', name: 'n', meta: {}, jsonData: {} } as ConstructorParameters<
    typeof WeirDatasource
  >[0]);
  const get = jest.spyOn(d, 'getResource').mockRejectedValueOnce(new Error('gone')).mockResolvedValue({ fields: [] });
  await expect(d.fields()).rejects.toThrow('gone');
  await d.fields();
  await d.fields();
  expect(get).toHaveBeenCalledTimes(2);
});
