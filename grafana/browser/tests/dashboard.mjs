// What dashboards do: variables, ad-hoc filters, grouping, links and clicks.

import assert from 'node:assert/strict';
import { sums } from './exporter.mjs';
import { flows } from './fed.mjs';
import { column, explore, frame, onPage, settled, shot, until } from './page.mjs';

const top = { show: 'top', by: ['dst port'], metrics: ['bytes'], limit: 100 };
const bytes = (some) => some.reduce((sum, f) => sum + f.bytes, 0);
const total = (f) => column(f, 'bytes').reduce((sum, n) => sum + n, 0);

const set = (page, variables) => page.evaluate((v) => window.weir.templates(v), variables);

onPage('variables are replaced as filters take them', '/', async (page) => {
  const f = async (variables, query, some) => {
    await set(page, variables);
    assert.equal(total(await frame(page, { ...top, ...query })), bytes(flows.filter(some)), JSON.stringify(query));
  };
  const port = (value) => [{ name: 'port', value, options: ['22', '53', '443'], allValue: 'any' }];
  const named = [
    { name: 'net', value: 'office' },
    { name: 'wan', value: 'ge-0/0/1' },
  ];
  await f(port('443'), { where: 'dst port $port' }, (one) => one.dport === 443);
  await f(port('443'), { where: 'dst port [[port]]' }, (one) => one.dport === 443);
  await f(port(['22', '53']), { where: 'dst port in ${port}' }, (one) => [22, 53].includes(one.dport));
  await f(port(['22', '53']), { where: 'dst port in ${port:weir}' }, (one) => [22, 53].includes(one.dport));
  await f(port('22'), { where: 'dst port ${port:raw}' }, (one) => one.dport === 22);
  await f(port(['22', '53']), { where: '$__in(dst port, $port)' }, (one) => [22, 53].includes(one.dport));
  await f(port('22'), { where: '$__in(dst port, $port)' }, (one) => one.dport === 22);
  await f(port('$__all'), { where: '$__in(dst port, $port)' }, () => true);
  await f(named, { where: 'src_net = $net' }, (one) => one.src.startsWith('10.'));
  await f(named, { where: 'in_if_name = $wan' }, (one) => one.in === 1);
  await f(port('53'), { question: 'top 100 dst port by bytes where dst port $port' }, (one) => one.dport === 53);
});

onPage('a value that is a piece of a filter stays a value', '/', async (page) => {
  for (const value of [
    'x or any',
    'x" or any or app_name = "x',
    "it's",
    '443] or any or dst port in [1',
    "') or any or (in_if_name = ('",
    '$__timeFilter',
    '${__from}',
    '<b onmouseover="window.hacked=1">lan</b>',
  ]) {
    await set(page, [{ name: 'name', value }]);
    const { frames, errors } = await page.evaluate(async (top) => {
      const shown = await window.weir.query('flows', [{ refId: 'A', ...top, where: 'in_if_name = $name' }], {
        from: 'now-2h',
        to: 'now',
      });
      const sum = (f) => f.fields.find((x) => x.name === 'bytes').values.reduce((a, b) => a + b, 0);
      return { errors: shown.errors.map((e) => e.message), frames: shown.series.map(sum) };
    }, top);
    const want = value.startsWith('<b') ? bytes(flows.filter((f) => f.in === 2)) : 0;
    assert.deepEqual([frames, errors], [[want], []], value);
  }
});

onPage('a variable in columns', '/', async (page) => {
  await set(page, [{ name: 'by', value: ['src as', 'proto'] }]);
  const f = await frame(page, { ...top, by: ['$by'] });
  assert.deepEqual(
    f.fields.slice(0, 2).map((x) => x.name),
    ['src_as', 'proto']
  );
});

onPage('ad-hoc filters: keys, values, and what they let through', '/', async (page) => {
  const tags = await page.evaluate(async () => {
    const ds = window.weir.sources.instance('flows');
    const { range: timeRange } = window.weir.request('flows', [], { from: 'now-2h', to: 'now' });
    return {
      keys: await ds.getTagKeys({ filters: [], timeRange }),
      ports: await ds.getTagValues({ key: 'dst_port', filters: [], timeRange }),
      few: await ds.getTagValues({
        key: 'dst_port',
        filters: [{ key: 'src_as', operator: '=', value: '64496' }],
        timeRange,
      }),
      groups: await ds.getGroupByKeys({ filters: [], timeRange }),
    };
  });
  const texts = (all) => all.map((one) => one.text);
  for (const key of ['dst port', 'proto', 'src as']) {
    assert.ok(texts(tags.keys).includes(key) && texts(tags.groups).includes(key), key);
  }
  assert.ok(texts(tags.ports).includes('443'));
  assert.deepEqual(
    texts(tags.few).toSorted(),
    [...new Set(flows.filter((f) => f.srcAs === 64496).map((f) => String(f.dport)))].toSorted()
  );

  const f = async (filters, some) =>
    assert.equal(total(await frame(page, top, { filters })), bytes(flows.filter(some)), JSON.stringify(filters));
  await f([{ key: 'dst_port', operator: '=', value: '443' }], (one) => one.dport === 443);
  await f([{ key: 'dst port', operator: '!=', value: '443' }], (one) => one.dport !== 443);
  await f([{ key: 'dst_port', operator: '=|', value: '22', values: ['22', '53'] }], (one) =>
    [22, 53].includes(one.dport)
  );
  await f(
    [{ key: 'dst_port', operator: '!=|', value: '22', values: ['22', '53'] }],
    (one) => ![22, 53].includes(one.dport)
  );
  await f([{ key: 'in_if_name', operator: '=~', value: '^ge-' }], (one) => one.in === 1);
  await f([{ key: 'in_if_name', operator: '!~', value: '^ge-' }], (one) => one.in === 2);
  await f([{ key: 'bytes', operator: '>', value: '1000000' }], (one) => one.bytes > 1_000_000);
  await f([{ key: 'in_if_role', operator: '=', value: '(none)' }], (one) => one.in === 2);
  await f(
    [
      { key: 'proto', operator: '=', value: 'tcp' },
      { key: 'src_as', operator: '=', value: '64496' },
    ],
    (one) => one.proto === undefined && one.srcAs === 64496
  );
  await f([{ key: 'in_if_name', operator: '=', value: 'x" or any or in_if_name = "x' }], () => false);
  const asked = await frame(
    page,
    { question: 'top 100 dst port by bytes where proto tcp or proto udp' },
    { filters: [{ key: 'dst_port', operator: '=', value: '53' }] }
  );
  assert.equal(total(asked), bytes(flows.filter((one) => one.dport === 53)));
});

onPage('a group-by variable takes the place of columns', '/', async (page) => {
  const f = await frame(page, top, { groupByKeys: ['src as'] });
  assert.deepEqual(
    column(f, 'src_as'),
    sums(flows, (one) => String(one.srcAs)).map(([as]) => as)
  );
});

onPage(
  'a click on a cell filters for its value, and out',
  explore([{ show: 'top', by: ['proto', 'dst port'], metrics: ['bytes'], limit: 10 }]),
  async (page) => {
    const cell = page.getByTestId('table').getByRole('gridcell').filter({ hasText: /^udp$/ }).first();
    await cell.hover();
    await cell.getByRole('button', { name: 'Filter for value' }).click();
    await until('the filter', async () => / where proto = udp$/.test(await page.getByTestId('question').innerText()));
    await until('rows', async () => (await page.getByTestId('table').getByText('tcp', { exact: true }).count()) === 0);
    await shot(page, 'filtered');
  }
);

onPage(
  'a label of a log line filters',
  explore([{ show: 'flows', format: 'logs', limit: 20, where: 'dst port in [53 22]' }]),
  async (page) => {
    await page.getByTestId('line').first().waitFor();
    await page.getByRole('button', { name: 'dst_port=53', exact: true }).first().click();
    await until('the filter', async () => / and dst_port = 53$/.test(await page.getByTestId('question').innerText()));
  }
);

onPage("a variable's values, in its editor", '/variable', async (page) => {
  const values = async () => {
    await page.getByRole('button', { name: 'Preview of values' }).click();
    await page.getByTestId('value').first().waitFor();
    return page.getByTestId('value').allInnerTexts();
  };
  assert.deepEqual(await values(), ['127.0.0.1']); // exporters
  await page.getByLabel('Field').click();
  await page.getByLabel('Field').fill('dst port');
  await page
    .getByRole('option', { name: /^dst port/ })
    .first()
    .click();
  await settled(page);
  await page.getByLabel('Filter', { exact: true }).click();
  await page.keyboard.type('src as 64496');
  await page.keyboard.press('Escape');
  await page.getByLabel('Begin with').click(); // a text counts when it is left
  const want = [...new Set(flows.filter((f) => f.srcAs === 64496).map((f) => String(f.dport)))].toSorted();
  await until('the ports', async () => JSON.stringify((await values()).toSorted()) === JSON.stringify(want));
  await shot(page, 'variable');
});

onPage('variables that each dashboard has, and their values', '/', async (page) => {
  const found = await page.evaluate(async () => {
    const all = await window.weir.sources.instance('flows').getDefaultVariables();
    const asked = all.filter((v) => v.kind === 'QueryVariable').map((v) => v.spec.query.spec);
    const values = asked.map((query) => window.weir.values('flows', query, { from: 'now-2h', to: 'now' }));
    return { names: all.map((v) => v.spec.name), values: await Promise.all(values) };
  });
  assert.deepEqual(found.names, ['exporter', 'interface', 'direction']);
  assert.deepEqual(
    found.values.map((all) => all.map((v) => v.value).toSorted()),
    [['127.0.0.1'], ['1', '2']]
  );
});
