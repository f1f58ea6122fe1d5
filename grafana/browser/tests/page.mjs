// Opens the host page in Chromium. A page whose console has an error, or that
// throws what nobody catches, fails its test.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { chromium } from 'playwright-core';

export const host = process.env.HOST;
const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium';

let browser;
let context;

export async function start() {
  browser = await chromium.launch({
    executablePath: chromiumPath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
  context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    colorScheme: 'dark',
    timezoneId: 'UTC',
    locale: 'en-US',
  });
  context.setDefaultTimeout(10_000);
}

export const stop = () => browser.close();

// Whatever a refused request leaves in Chromium's console.
export const refusedRequest = /^Failed to load resource: the server responded with a status of 400/;

// onPage is a test on a page of its own.
export function onPage(name, at, steps, { allow = [] } = {}) {
  return test(name, async () => {
    const page = await context.newPage();
    const errors = [];
    page.on('console', (m) => {
      if (m.type() === 'error' && !allow.some((a) => a.test(m.text()))) {
        errors.push(`${m.text()} ${m.location().url}`);
      }
    });
    page.on('pageerror', (e) => errors.push(e.stack ?? String(e)));
    try {
      await page.goto(host + at);
      await page.waitForFunction(() => window.weir);
      await steps(page);
      assert.deepEqual(errors, []);
    } catch (error) {
      await shot(page, `failed ${name}`);
      if (errors.length > 0) {
        error.message += `\nthe console has:\n${errors.join('\n')}`;
      }
      throw error;
    } finally {
      await page.close();
    }
  });
}

export async function shot(page, name) {
  await page.screenshot({ path: path.join(process.env.SHOTS, `${name.replace(/[^a-z0-9]+/gi, '-')}.png`) });
}

// explore is where to find queries in Explore.
export function explore(queries, { from = 'now-2h', to = 'now', datasource = 'flows' } = {}) {
  const all = queries.map((q, i) => ({ refId: 'ABC'[i], ...q }));
  return `/explore?left=${encodeURIComponent(JSON.stringify({ datasource, queries: all, range: { from, to } }))}`;
}

// ask runs queries as a dashboard does, and returns plain frames.
export const ask = (page, queries, { from = 'now-2h', to = 'now', ...more } = {}) =>
  page.evaluate(
    async ([queries, raw, more]) => {
      const shown = await window.weir.query(queries, raw, more);
      return {
        state: shown.state,
        errors: shown.errors.map((e) => e.message),
        frames: shown.series.map((f) => ({
          name: f.name,
          refId: f.refId,
          meta: f.meta,
          length: f.length,
          fields: f.fields.map((x) => ({
            name: x.name,
            type: x.type,
            labels: x.labels,
            config: x.config,
            values: Array.from(x.values),
          })),
        })),
      };
    },
    [queries.map((q, i) => ({ refId: 'ABC'[i], ...q })), { from, to }, more]
  );

// column returns the values of a field.
export function column(frame, name) {
  const field = frame.fields.find((f) => f.name === name);
  assert.ok(field, `no field ${name} in ${frame.fields.map((f) => f.name)}`);
  return field.values;
}

// until waits for a function to return something.
export async function until(what, f, limit = 15_000) {
  for (const end = Date.now() + limit; ;) {
    const got = await f();
    if (got) {
      return got;
    }
    assert.ok(Date.now() < end, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
