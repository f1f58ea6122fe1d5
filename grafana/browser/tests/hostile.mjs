// Strings that come from the network stay text.

import assert from 'node:assert/strict';
import { ipfix } from './exporter.mjs';
import { directPort, weirPort } from './fed.mjs';
import { ask, column, explore, onPage, shot, until } from './page.mjs';

const users = [
  '<img src=x onerror="window.hacked=1">',
  '"><script>window.hacked=1</script>',
  'javascript:window.hacked=1',
  '${__from} $port',
  '\u202Eevil\u0007',
  '{{constructor.constructor("window.hacked=1")()}}',
];

async function send(port) {
  const end = Date.now() - 1000;
  await ipfix(
    port,
    users.map((user, i) => ({
      src: '172.23.0.1',
      dst: '172.23.0.2',
      sport: 1000 + i,
      dport: 99,
      bytes: 1000 - i,
      packets: 2,
      start: end - 1000,
      end,
      user,
    }))
  );
}

for (const [uid, port] of [
  ['flows', weirPort],
  ['direct', directPort],
]) {
  onPage(`${uid}: names are text in tables, graphs, lines and graphs of nodes`, '/', async (page) => {
    await send(port);
    const where = 'src ip 172.23.0.1';
    const top = { show: 'top', by: ['user'], metrics: ['bytes'], limit: 20, where };
    const got = await until('the flows', async () => {
      const { errors, frames } = await ask(page, [top], { uid });
      assert.deepEqual(errors, []);
      return frames[0].length >= users.length && frames[0];
    });
    assert.deepEqual(column(got, got.fields[0].name).toSorted(), users.toSorted());

    for (const [query, shows] of [
      [top, 'table'],
      [{ ...top, show: 'series' }, 'graph'],
      [{ show: 'flows', format: 'logs', where, limit: 20 }, 'logs'],
      [{ show: 'matrix', by: ['user', 'dst ip'], format: 'nodegraph', where }, 'node graph'],
    ]) {
      await page.evaluate((to) => window.weir.go(to), explore([query], { datasource: uid }));
      await page.getByTestId(shows).getByText('onerror="window.hacked=1"').first().waitFor();
      await shot(page, `hostile ${shows}`);
    }
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    assert.equal(await page.locator('img[src=x]').count(), 0);
  });
}

onPage(
  'names that an operator gave are text, too',
  explore([{ show: 'top', by: ['in_if_name', 'in_if_desc'], metrics: ['bytes'] }]),
  async (page) => {
    const table = page.getByTestId('table');
    await table.getByText('<b onmouseover="window.hacked=1">lan</b>').first().hover();
    await table.getByText('<img src=x onerror="window.hacked=1">').first().hover();
    assert.equal(await page.evaluate(() => window.hacked), undefined);
  }
);
