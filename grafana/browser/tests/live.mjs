// Live tails: a datagram that is sent now is on the page.

import assert from 'node:assert/strict';
import { netflow5 } from './exporter.mjs';
import { directPort, weirPort } from './fed.mjs';
import { cells, explore, host, onPage, shot, until } from './page.mjs';

let n = 0;
const flow = (src, bytes = 1000) => {
  const end = Date.now();
  return {
    src,
    dst: '172.31.0.1',
    sport: 50_000 + ++n,
    dport: 4242,
    bytes,
    packets: 3,
    start: end - 1000,
    end,
    srcAs: 1,
    dstAs: 2,
  };
};

for (const [uid, port] of [
  ['flows', weirPort],
  ['direct', directPort],
]) {
  onPage(
    `${uid}: flows come as they are sent, those that the filter lets through`,
    explore([{ show: 'flows', where: 'src net 172.16.0.0/12', live: true, limit: 50 }], {
      from: 'now-5m',
      datasource: uid,
    }),
    async (page) => {
      const cell = (src) => page.getByTestId('table').getByRole('gridcell', { name: src, exact: true });
      const begun = async () => {
        await netflow5(port, [flow('172.16.0.8')]);
        return (await cell('172.16.0.8').count()) > 0;
      };
      await until('it streams', begun, 500);
      await netflow5(port, [flow('192.0.2.99'), flow('172.16.0.9'), flow('172.16.0.10')]);
      for (const src of ['172.16.0.9', '172.16.0.10']) {
        await page.getByTestId('table').getByRole('gridcell', { name: src, exact: true }).first().waitFor();
      }
      await netflow5(port, [flow('172.16.0.11')]);
      await page.getByTestId('table').getByRole('gridcell', { name: '172.16.0.11', exact: true }).first().waitFor();
      assert.equal(await page.getByTestId('table').getByText('192.0.2.99', { exact: true }).count(), 0);
      assert.equal(await page.getByTestId('table').getByText('172.16.0.9', { exact: true }).count(), 1);
      await shot(page, `live flows ${uid}`);

      // Settings that are saved begin it anew; nobody has to ask again.
      await page.evaluate(async (at) => {
        const settings = await (await fetch(at)).json();
        await fetch(at, { method: 'PUT', body: JSON.stringify(settings) });
      }, `/api/datasources/uid/${uid}`);
      const again = async () => {
        await netflow5(port, [flow('172.16.0.12')]);
        return (await cell('172.16.0.12').count()) > 0;
      };
      await until('it goes on', again, 500);
    }
  );

  onPage(
    `${uid}: top talkers are kept up`,
    explore([{ show: 'top', by: ['src'], metrics: ['bytes'], where: 'src net 172.20.0.0/16', live: true }], {
      from: 'now-5m',
      datasource: uid,
    }),
    async (page) => {
      await until(
        'it streams',
        async () => (await page.getByTestId('results').getAttribute('data-state')) === 'Streaming'
      );
      const row = async () => {
        const rows = (await cells(page)).filter(([src]) => src === '172.20.0.1');
        return rows.length === 1 && rows[0][1];
      };
      await netflow5(port, [flow('172.20.0.1', 5000)]);
      await until('5 kB', async () => (await row()) === '5 kB');
      await netflow5(port, [flow('172.20.0.1', 2000)]);
      await until('7 kB, once', async () => (await row()) === '7 kB');
    }
  );
}

onPage(
  "Explore's Live button makes lines go on",
  explore([{ show: 'flows', format: 'logs', where: 'src net 172.21.0.0/16', limit: 50 }], { from: 'now-5m' }),
  async (page) => {
    await page.getByRole('button', { name: 'Live', exact: true }).click();
    await until(
      'it streams',
      async () => (await page.getByTestId('results').getAttribute('data-state')) === 'Streaming'
    );
    const come = async () => {
      await netflow5(weirPort, [flow('172.21.0.5')]);
      return (await page.getByTestId('line').filter({ hasText: '172.21.0.5' }).count()) > 0;
    };
    await until('a line', come, 500);
  }
);

// channel returns a live query's channel.
const channel = (page) =>
  page.evaluate(async () => {
    const ds = window.weir.sources.instance('flows');
    const query = { refId: 'A', show: 'flows', where: 'src net 172.22.0.0/16', live: true };
    const answer = await fetch('/api/ds/query', {
      method: 'POST',
      body: JSON.stringify({
        queries: [{ ...query, datasource: ds.getRef(), intervalMs: 1000, maxDataPoints: 100 }],
        from: String(Date.now() - 60_000),
        to: String(Date.now()),
      }),
    });
    return (await answer.json()).results.A.frames[0].schema.meta.channel;
  });

onPage('a channel is of its organisation, known, and nobody writes to it', '/', async (page) => {
  const own = await channel(page);
  const [scope, stream, ...path] = own.split('/');
  assert.deepEqual([scope, stream, ...path.slice(0, 2)], ['ds', 'flows', 'tail', '1']);
  const subscribe = (path, org = 1) =>
    page.evaluate(
      ([path, org]) =>
        new Promise((resolve) => {
          const events = new EventSource(`/api/live/ds/flows/${path}?orgId=${org}`);
          for (const kind of ['subscribed', 'refused']) {
            events.addEventListener(kind, (e) => {
              events.close();
              resolve([kind, kind === 'refused' ? JSON.parse(e.data).message : '']);
            });
          }
        }),
      [path, org]
    );
  assert.deepEqual(await subscribe(path.join('/')), ['subscribed', '']);
  assert.deepEqual(await subscribe(path.join('/'), 2), ['refused', 'permission denied']);
  assert.deepEqual(await subscribe(`tail/2/${path[2]}`), ['refused', 'permission denied']);
  assert.deepEqual(await subscribe(`tail/1/${'0'.repeat(path[2].length)}`), ['refused', 'not found']);
  const written = await fetch(`${host}/api/live/publish/${own}`, { method: 'POST', body: '{}' });
  assert.equal(written.status, 403);
});

onPage('a refusal is shown', '/', async (page) => {
  const told = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const addr = { scope: 'ds', stream: 'flows', path: 'tail/2/0' };
        const from = window.weir.live.getDataStream({ addr }).subscribe((answer) => {
          from?.unsubscribe();
          resolve([answer.state, answer.error.message]);
        });
      })
  );
  assert.deepEqual(told, ['Error', 'Streaming channel error: permission denied']);
});
