// Each kind of query, through the frontend, Grafana's runtime and the backend, from a
// collector and from the plugin itself: it adds up to what the exporter was fed.

import assert from 'node:assert/strict';
import { flows } from './fed.mjs';
import { sums } from './exporter.mjs';
import { ask, column, explore, frame, onPage, refusedRequest, shot } from './page.mjs';

const total = flows.reduce((sum, f) => sum + f.bytes, 0);
const add = (values) => values.reduce((sum, v) => sum + v, 0);
const name = (proto) => ({ 6: 'tcp', 17: 'udp' })[proto ?? 6];
const pairs = sums(flows, (f) => `${f.srcAs} ${f.dstAs}`);

// rows returns [key, value] of each row.
const rows = (f, keys, value) => column(f, value).map((v, i) => [keys.map((key) => column(f, key)[i]).join(' '), v]);

for (const uid of ['flows', 'direct']) {
  const on = (what, steps) => onPage(`${uid}: ${what}`, '/', steps);

  on('top', async (page) => {
    const f = await frame(page, { show: 'top', by: ['dst port'], metrics: ['bytes'], limit: 3 }, { uid });
    const want = sums(flows, (one) => String(one.dport)).slice(0, 3);
    assert.deepEqual(rows(f, ['dst_port'], 'bytes'), [...want, ['other', total - add(want.map(([, n]) => n))]]);
    assert.equal(f.meta.type, 'numeric-long');
    assert.ok(!(f.meta.notices ?? []).some((n) => /sampl/.test(n.text))); // nothing is
  });

  on('series', async (page) => {
    const f = await frame(page, { show: 'series', by: ['proto'], metrics: ['bits'], limit: 2 }, { uid });
    assert.equal(f.meta.type, 'timeseries-wide');
    const time = column(f, 'time');
    const seconds = (time[1] - time[0]) / 1000;
    const got = f.fields.slice(1).map((x) => [x.labels.proto, (add(x.values) * seconds) / 8]);
    const want = sums(flows, (one) => name(one.proto));
    assert.deepEqual(
      got.map(([key]) => key),
      want.map(([key]) => key)
    );
    got.forEach(([key, n], i) => assert.ok(Math.abs(n / want[i][1] - 1) < 1e-9, `${key}: ${n}, not ${want[i][1]}`));
  });

  on('matrix', async (page) => {
    const f = await frame(page, { show: 'matrix', by: ['src as', 'dst as'], metrics: ['bytes'] }, { uid });
    assert.deepEqual(rows(f, ['src_as', 'dst_as'], 'bytes'), pairs);
  });

  on('count', async (page) => {
    const f = await frame(page, { show: 'count', metrics: ['bytes', 'flows'] }, { uid });
    assert.deepEqual([column(f, 'bytes'), column(f, 'flows')], [[total], [flows.length]]);
  });

  on('flows', async (page) => {
    const f = await frame(page, { show: 'flows', limit: flows.length }, { uid });
    assert.equal(f.length, flows.length);
    assert.equal(add(column(f, 'bytes')), total);
    const few = await frame(page, { show: 'flows', limit: 7, where: 'dst port 53' }, { uid });
    assert.deepEqual(new Set(column(few, 'dst_port')), new Set([53]));
    assert.equal(few.length, 7);
  });

  on('conversations', async (page) => {
    const f = await frame(page, { show: 'conversations', limit: 5000 }, { uid });
    assert.equal(add(column(f, 'bytes_a')) + add(column(f, 'bytes_b')), total);
    assert.ok(f.length >= flows.length / 2 - 5, `${f.length} conversations`); // a port may come again
  });

  on('flows as logs', async (page) => {
    const where = 'dst port 22';
    const f = await frame(page, { show: 'flows', limit: 5000, format: 'logs', where }, { uid });
    assert.equal(f.meta.type, 'log-lines');
    assert.equal(f.length, flows.filter((one) => one.dport === 22).length);
    assert.ok(column(f, 'labels').every((labels) => String(labels.dst_port) === '22'));
  });

  on('a matrix as a node graph', async (page) => {
    const query = { show: 'matrix', by: ['src as', 'dst as'], metrics: ['bytes'], format: 'nodegraph' };
    const { frames } = await ask(page, [query], { uid });
    const edges = frames.find((f) => f.name === 'edges');
    const nodes = frames.find((f) => f.name === 'nodes');
    assert.deepEqual(rows(edges, ['source', 'target'], 'mainstat'), pairs);
    assert.deepEqual(column(nodes, 'id').toSorted(), ['64496', '64500', '64501', '64502']);
  });

  on('a Sankey diagram has columns from left to right, and a value', async (page) => {
    const f = await frame(
      page,
      { show: 'top', by: ['src as', 'proto', 'dst as'], metrics: ['bytes'], format: 'sankey' },
      { uid }
    );
    assert.deepEqual(
      f.fields.map((x) => [x.name, x.type]),
      [
        ['src_as', 'string'],
        ['proto', 'string'],
        ['dst_as', 'string'],
        ['bytes', 'number'],
      ]
    );
    assert.deepEqual(
      rows(f, ['src_as', 'proto', 'dst_as'], 'bytes'),
      sums(flows, (one) => `${one.srcAs} ${name(one.proto)} ${one.dstAs}`)
    );
  });

  on('a question in words, and macros', async (page) => {
    const f = await frame(page, { question: 'top 2 src as by bytes $__timeFilter where proto tcp' }, { uid });
    const want = sums(
      flows.filter((one) => one.proto === undefined),
      (one) => String(one.srcAs)
    );
    assert.deepEqual(rows(f, ['src_as'], 'bytes').slice(0, 2), want.slice(0, 2));
  });
}

onPage(
  'a top is shown as a table',
  explore([{ show: 'top', by: ['dst port', 'proto'], metrics: ['bytes'], limit: 5 }]),
  async (page) => {
    const table = page.getByTestId('table');
    await table.getByRole('columnheader', { name: 'dst_port' }).waitFor();
    await table.getByRole('gridcell', { name: '443', exact: true }).waitFor();
    await shot(page, 'top');
  }
);

onPage(
  'a series is shown as a graph with a legend, and as a table',
  explore([{ show: 'series', by: ['src as'], metrics: ['bits'], limit: 5 }], { from: 'now-1h' }),
  async (page) => {
    const graph = page.getByTestId('graph');
    for (const as of ['64500', '64501', '64496', '64502']) {
      await graph.getByText(as, { exact: true }).waitFor();
    }
    const drawn = await graph
      .locator('canvas')
      .first()
      .evaluate((canvas) => {
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return pixels.reduce((n, x, i) => n + (i % 4 === 3 && x > 0 ? 1 : 0), 0);
      });
    assert.ok(drawn > 10_000, `${drawn} pixels are drawn`);
    await page.getByTestId('table').getByRole('columnheader', { name: '64500' }).waitFor();
    await shot(page, 'series');
  }
);

onPage(
  'flows are shown as lines',
  explore([{ show: 'flows', limit: 20, format: 'logs', where: 'dst port 22' }]),
  async (page) => {
    const lines = page.getByTestId('line');
    await lines.first().waitFor();
    assert.equal(await lines.count(), 20);
    assert.match(await lines.first().innerText(), /tcp 10\.1\.0\.\d \d+ → 203\.0\.113\.7 22/);
    await shot(page, 'logs');
  }
);

onPage(
  'who talks with whom is shown as nodes and edges',
  explore([{ show: 'matrix', by: ['src as', 'dst as'], format: 'nodegraph' }]),
  async (page) => {
    await page.getByTestId('node').first().waitFor();
    assert.deepEqual([await page.getByTestId('node').count(), await page.getByTestId('edge').count()], [4, 6]);
  }
);

onPage(
  'an address leads to its flows',
  explore([{ show: 'top', by: ['src'], metrics: ['bytes'], limit: 5 }]),
  async (page) => {
    await page.getByTestId('table').getByRole('link', { name: '192.0.2.80' }).click();
    await page.waitForURL(/192\.0\.2\.80/);
    const { range } = JSON.parse(new URL(page.url()).searchParams.get('left'));
    assert.deepEqual(range, { from: 'now-2h', to: 'now' }); // as the panel's
    const table = page.getByTestId('table');
    await table.getByRole('columnheader', { name: 'src_addr' }).waitFor();
    const cells = await table.getByRole('gridcell', { name: '192.0.2.80', exact: true }).count();
    assert.ok(cells > 1, `${cells} cells`);
  }
);

onPage(
  'a mistake is shown with its place',
  explore([{ question: 'top 3 scr by bytes' }]),
  async (page) => {
    const alert = page.getByTestId('query error');
    await alert.waitFor();
    assert.match(await alert.innerText(), /column 7: "scr" is no field.*\n+top 3 scr by bytes\n {6}\^\^\^/);
    await shot(page, 'mistake');
  },
  { allow: [refusedRequest] }
);
