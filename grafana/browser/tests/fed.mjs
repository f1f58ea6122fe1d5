// What the collector and the plugin itself have been fed with.

import assert from 'node:assert/strict';
import { netflow5, office } from './exporter.mjs';
import { host, until } from './page.mjs';

export const weirPort = Number(process.env.WEIR_PORT);
export const directPort = Number(process.env.DIRECT_PORT);

export const now = Date.now();
export const flows = office(now);

async function health(uid) {
  const answer = await fetch(`${host}/api/datasources/uid/${uid}/health`);
  return (await answer.json()).details ?? {};
}

export const found = {
  class: 'scan.horizontal',
  severity: 'high',
  confidence: 0.9,
  start: new Date(now - 20 * 60_000).toISOString(),
  end: new Date(now - 15 * 60_000).toISOString(),
  key: '10.1.0.3 tcp 22',
  explanation: '10.1.0.3 tried port 22 of 300 hosts <img src=x onerror="window.hacked=1">',
  entities: [{ role: 'source', kind: 'ip', value: '10.1.0.3' }],
  technique: 'T1046',
  actions: ['look at the host'],
  detector: 'by hand',
};

async function add() {
  const answer = await fetch(`${process.env.WEIR}/api/v1/findings`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${process.env.WEIR_TOKEN}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(found),
  });
  assert.ok(answer.ok, await answer.text());
}

export async function fed() {
  await add();
  await health('direct'); // it listens when it is first asked
  for (const [uid, port] of [
    ['flows', weirPort],
    ['direct', directPort],
  ]) {
    await netflow5(port, flows);
    await until(`${uid} has all flows`, async () => (await health(uid)).flows >= flows.length);
  }
}
