// All that is done in the browser, one after the other, in one Chromium.

import { after, before } from 'node:test';
import { close } from './exporter.mjs';
import { start, stop } from './page.mjs';
import { fed } from './fed.mjs';

before(async () => {
  await Promise.all([start(), fed()]);
});
after(async () => {
  await stop();
  close();
});

await import('./config.mjs');
await import('./queries.mjs');
await import('./kinds.mjs');
await import('./editor.mjs');
await import('./dashboard.mjs');
await import('./explore.mjs');
await import('./bundled.mjs');
await import('./live.mjs');
await import('./hostile.mjs');
