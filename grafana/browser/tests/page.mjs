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
  context.setDefaultTimeout(20_000);
}

export const stop = () => browser.close();

// Whatever a refused request leaves in Chromium's console.
export const refusedRequest = /^Failed to load resource: the server responded with a status of 400/;

let page;
let errors = [];

async function fresh() {
  page = await context.newPage();
  page.on('console', (m) => m.type() === 'error' && errors.push(`${m.text()} ${m.location().url}`));
  page.on('pageerror', (e) => errors.push(e.stack ?? String(e)));
  await page.goto(`${host}/`);
  await page.waitForFunction(() => window.weir);
}

// onPage is a test that begins at an address. Tests share a page, as what a user does
// one after the other, until one fails.
export function onPage(name, at, steps, { allow = [] } = {}) {
  if (only && !name.includes(only)) {
    return;
  }
  return test(name, async () => {
    errors = [];
    if (!page) {
      await fresh();
    }
    try {
      await page.evaluate(
        (to) => {
          window.weir.templates([]);
          window.weir.go(to);
        },
        `${at}${at.includes('?') ? '&' : '?'}test=${++tests}`
      );
      await page.getByTestId(new RegExp(`^page .*test=${tests}$`)).waitFor();
      await steps(page);
      assert.deepEqual(
        errors.filter((e) => !allow.some((a) => a.test(e))),
        []
      );
    } catch (error) {
      await shot(page, `failed ${name}`);
      if (errors.length > 0) {
        error.message += `\nthe console has:\n${errors.join('\n')}`;
      }
      await page.close();
      page = undefined;
      throw error;
    }
  });
}

let tests = 0;
const only = process.env.ONLY; // some tests, to look into them

const file = (name) => path.join(process.env.SHOTS, `${name.replace(/[^a-z0-9]+/gi, '-')}.png`);

// shot keeps what a page looks like.
export const shot = (page, name) => page.screenshot({ path: file(name) });

// picture keeps the upper part of a page, with all its icons.
export async function picture(page, name, height) {
  await page.waitForLoadState('networkidle');
  await page.screenshot({ path: file(name), clip: { x: 0, y: 0, width: 1280, height } });
}

// explore is where to find queries in Explore.
export function explore(queries, { from = 'now-2h', to = 'now', datasource = 'flows' } = {}) {
  const all = queries.map((q, i) => ({ refId: 'ABC'[i], ...q }));
  return `/explore?left=${encodeURIComponent(JSON.stringify({ datasource, queries: all, range: { from, to } }))}`;
}

// ask runs queries as a dashboard does, and returns plain frames.
export const ask = (page, queries, { uid = 'flows', from = 'now-2h', to = 'now', ...more } = {}) =>
  page.evaluate(
    async ([uid, queries, raw, more]) => {
      const shown = await window.weir.query(uid, queries, raw, more);
      return {
        state: shown.state,
        errors: shown.errors.map((e) => e.message),
        frames: shown.series.map((f) => ({
          name: f.name,
          refId: f.refId,
          meta: f.meta,
          length: f.length,
          fields: f.fields.map(({ name, type, labels, config, values }) => ({
            name,
            type,
            labels,
            config,
            values: Array.from(values),
          })),
        })),
      };
    },
    [uid, queries.map((q, i) => ({ refId: 'ABC'[i], ...q })), { from, to }, more]
  );

// frame asks one query, and returns the frame that it gives.
export async function frame(page, query, options) {
  const { errors, frames } = await ask(page, [query], options);
  assert.deepEqual(errors, []);
  assert.equal(frames.length, 1);
  return frames[0];
}

// cells returns a table's texts as they are at a moment, a row each, without its header.
export const cells = (page) =>
  page
    .getByTestId('table')
    .evaluate((table) =>
      Array.from(table.querySelectorAll('[role=row]'), (row) =>
        Array.from(row.querySelectorAll('[role=gridcell]'), (cell) => cell.innerText.trim())
      ).filter((row) => row.length > 0)
    );

// column returns the values of a field.
export function column(frame, name) {
  const field = frame.fields.find((f) => f.name === name);
  assert.ok(field, `no field ${name} in ${frame.fields.map((f) => f.name)}`);
  return field.values;
}

// settled waits for what follows a click: Grafana's comboboxes tell of a choice after
// it, sooner than a person does anything else, but not than a test.
export const settled = (page) =>
  page.evaluate(
    () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve))))
  );

// until waits for a function to return something.
export async function until(what, f, pace = 50) {
  for (const end = Date.now() + 20_000; ;) {
    const got = await f();
    if (got) {
      return got;
    }
    assert.ok(Date.now() < end, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pace));
  }
}
