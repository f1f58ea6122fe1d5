// What the plugin answers itself, and what is made for some panels.

import assert from 'node:assert/strict';
import { sums } from './exporter.mjs';
import { flows, found } from './fed.mjs';
import { column, frame, onPage, shot, until } from './page.mjs';

onPage('findings, and their marks on graphs', '/annotation', async (page) => {
  const f = await frame(page, { show: 'findings' });
  assert.deepEqual(
    [column(f, 'class'), column(f, 'severity'), column(f, 'time')],
    [['scan.horizontal'], ['high'], [Date.parse(found.start)]]
  );
  assert.equal((await frame(page, { show: 'findings', severity: 'critical' })).length, 0);
  assert.equal((await frame(page, { show: 'findings', class: 'scan' })).length, 1);

  await page.getByRole('button', { name: 'Test', exact: true }).click();
  const mark = page.getByTestId('mark');
  await mark.waitFor();
  assert.match(await mark.innerText(), /10\.1\.0\.3 tried port 22/);
  assert.deepEqual(
    [await mark.getAttribute('data-time'), await mark.getAttribute('data-time-end')],
    [found.start, found.end].map((t) => String(Date.parse(t)))
  );
  // Grafana takes an annotation's text for HTML.
  const text = await page.evaluate(
    async () =>
      (
        await window.weir.marks(
          'flows',
          { target: { refId: 'Anno', show: 'findings', format: 'annotations' } },
          { from: 'now-1h', to: 'now' }
        )
      )[0].text
  );
  assert.doesNotMatch(text, /<img/);
  await shot(page, 'annotations');
});

onPage(
  'a finding leads to its flows',
  `/explore?left=${encodeURIComponent(JSON.stringify({ queries: [{ refId: 'A', show: 'findings' }] }))}`,
  async (page) => {
    const table = page.getByTestId('table');
    await table.getByText('scan.horizontal').waitFor();
    await shot(page, 'findings');
    await table.getByRole('link').last().click();
    await page.waitForURL(/panes=/);
    await table.getByRole('gridcell', { name: '10.1.0.3', exact: true }).first().waitFor();
  }
);

onPage('direct: findings are a collector’s', '/', async (page) => {
  const f = await frame(page, { show: 'findings' }, { uid: 'direct' });
  assert.equal(f.length, 0);
  assert.match(f.meta.notices[0].text, /collector/);
});

for (const uid of ['flows', 'direct']) {
  onPage(`${uid}: exporters`, '/', async (page) => {
    const f = await frame(page, { show: 'exporters' }, { uid });
    assert.deepEqual([column(f, 'address'), column(f, 'flows')], [['127.0.0.1'], [flows.length]]);
  });

  onPage(`${uid}: a heatmap`, '/', async (page) => {
    const f = await frame(page, { show: 'series', by: ['src as'], metrics: ['bytes'], format: 'heatmap' }, { uid });
    assert.equal(f.meta.type, 'heatmap-rows');
    const want = sums(flows, (one) => String(one.srcAs));
    assert.deepEqual(
      f.fields.slice(1).map((x) => x.name),
      want.map(([as]) => as)
    );
    const [a, b] = column(f, 'time');
    f.fields.slice(1).forEach((x, i) => {
      const octets = (x.values.reduce((sum, v) => sum + v, 0) * (b - a)) / 1000;
      assert.ok(Math.abs(octets / want[i][1] - 1) < 1e-9, `${x.name}: ${octets}, not ${want[i][1]}`);
    });
  });
}

onPage('a map has countries first', '/', async (page) => {
  const f = await frame(page, {
    show: 'top',
    by: ['proto', 'dst country'],
    metrics: ['bytes'],
    format: 'geo',
    where: 'proto tcp',
  });
  assert.equal(f.fields[0].name, 'lookup');
  const country = { 10: 'CH', 192: 'DE', 198: 'NL', 203: 'JP' };
  const want = sums(
    flows.filter((one) => one.proto === undefined),
    (one) => country[one.dst.split('.')[0]]
  );
  assert.deepEqual(
    column(f, 'lookup').map((c, i) => [c, column(f, 'bytes')[i]]),
    want
  );
});
