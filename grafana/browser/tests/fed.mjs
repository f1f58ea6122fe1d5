// What the collector and the plugin itself have been fed with.

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

export async function fed() {
  await health('direct'); // it listens when it is first asked
  for (const [uid, port] of [
    ['flows', weirPort],
    ['direct', directPort],
  ]) {
    await netflow5(port, flows);
    await until(`${uid} has all flows`, async () => (await health(uid)).flows >= flows.length);
  }
}
