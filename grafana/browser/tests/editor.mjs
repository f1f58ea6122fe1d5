// Queries that somebody makes by hand, in the builder and as text.

import assert from 'node:assert/strict';
import { sums } from './exporter.mjs';
import { flows } from './fed.mjs';
import { cells, explore, onPage, refusedRequest, settled, shot, until } from './page.mjs';

const question = (page) => page.getByTestId('question');

// choose takes an option of one of Grafana's comboboxes.
async function choose(page, label, option, typed = option) {
  await page.getByLabel(label, { exact: true }).click();
  await page.getByLabel(label, { exact: true }).fill(typed);
  const text = page.getByText(option, { exact: true });
  await page.getByRole('option').filter({ has: text }).first().click();
  await settled(page);
}

onPage('a query is built by hand, and shown as a graph and a table', '/explore', async (page) => {
  await page.getByTestId('query A').waitFor();
  assert.equal(await question(page).innerText(), 'series 10 src ip by bits'); // what a new one begins with

  await choose(page, 'Show', 'Top table');
  await page.getByRole('button', { name: /^Remove src ip/ }).click();
  await choose(page, 'by', 'dst port');
  await page.keyboard.press('Escape');
  await choose(page, 'Measure', 'Bytes');
  await page.getByLabel('Top', { exact: true }).fill('2');
  await page.keyboard.press('Enter');
  await until('the question', async () => (await question(page).innerText()) === 'top 2 dst port by bytes');

  // A row of a filter: its field, how it is compared, and a value as flows have it.
  await page.getByRole('button', { name: 'Filter' }).click();
  await choose(page, 'Where', 'proto');
  await page.getByLabel('Value', { exact: true }).click();
  await page.getByRole('option', { name: 'tcp', exact: true }).waitFor();
  await page.getByRole('option', { name: 'udp', exact: true }).click();
  const asked = 'dst port by bytes where proto = udp';
  await until('the filter', async () => (await question(page).innerText()) === `top 2 ${asked}`);

  const want = sums(
    flows.filter((f) => f.proto === 17),
    (f) => String(f.dport)
  ).slice(0, 2);
  const shown = JSON.stringify([...want.map(([port]) => port), 'other']);
  const got = await until(`rows of ${shown}`, async () => {
    const rows = await cells(page);
    return JSON.stringify(rows.map((r) => r[0])) === shown && rows;
  });
  assert.ok(
    got.every((r) => /^\d[\d.]* (B|kB|MB|GB)$/.test(r[1])),
    JSON.stringify(got)
  );

  await choose(page, 'Show', 'Time series');
  await page.getByTestId('graph').waitFor();
  await until('the question', async () => (await question(page).innerText()) === `series 2 ${asked}`);
  for (const [port] of want) {
    await page.getByTestId('graph').getByText(port, { exact: true }).waitFor();
  }
  await shot(page, 'builder');
});

onPage(
  'a percentile, both directions and the period before, by hand',
  explore([{ show: 'top', by: ['if'], metrics: ['bits'], limit: 5 }], { from: 'now-30m' }),
  async (page) => {
    await choose(page, 'as', '95th percentile (p95)', '95th');
    await until('p95', async () => (await question(page).innerText()) === 'top 5 if by bits p95');
    await page.getByLabel('In and out apart').click({ force: true });
    await page.getByRole('radio', { name: 'Previous period' }).click();
    const asked = 'top 5 if by bits p95 both previous';
    await until(asked, async () => (await question(page).innerText()) === asked);
    const headers = page.getByTestId('table').getByRole('columnheader');
    await until('columns of both', async () => {
      const names = (await headers.allInnerTexts()).join(' ');
      return ['if', 'in', 'out', 'before'].every((name) => new RegExp(`(^|[ _])${name}($|[ _])`).test(names)) && names;
    });
  }
);

onPage(
  'as text: colours, fields and values are completed, and it runs',
  explore([{ editor: 'code', question: 'top 3 src by bytes' }]),
  async (page) => {
    const text = page.getByRole('combobox', { name: 'Question' });
    await page.getByTestId('table').waitFor();
    await text.focus();
    await page.keyboard.press('End');
    await page.keyboard.type(' where dst por');
    await page
      .getByRole('option', { name: /^dst port/ })
      .first()
      .waitFor();
    await page.keyboard.press('Tab');
    assert.match(await text.inputValue(), /where dst port\b/);
    await page.keyboard.type(' ');
    await page.keyboard.press('Escape');
    await page.keyboard.type('44');
    await page.getByRole('option', { name: '443', exact: true }).waitFor(); // a value of flows
    await shot(page, 'completion');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Shift+Enter');
    assert.match(await text.inputValue(), /^top 3 src by bytes where dst port +443 *$/);

    const want = sums(
      flows.filter((f) => f.dport === 443),
      (f) => f.src
    )
      .slice(0, 3)
      .map(([src]) => src);
    await until('rows', async () => {
      const rows = await cells(page);
      return rows.length === 4 && JSON.stringify(rows.slice(0, 3).map((r) => r[0])) === JSON.stringify(want);
    });
    const colours = await page
      .getByTestId('query A')
      .locator('pre')
      .first()
      .evaluate((pre) =>
        Array.from(pre.querySelectorAll('span'), (s) => [s.textContent.trim(), getComputedStyle(s).color]).filter(
          ([t]) => t
        )
      );
    const colour = Object.fromEntries(colours);
    assert.equal(new Set([colour.top, colour.src, colour['443']]).size, 3, JSON.stringify(colours));
  }
);

onPage(
  'as text: a mistake is marked where it is, and told',
  explore([{ editor: 'code', question: 'top 3 src by bytes' }]),
  async (page) => {
    const text = page.getByRole('combobox', { name: 'Question' });
    await text.focus();
    await page.keyboard.press('End');
    await page.keyboard.type(' where dst prot 443');
    await page.keyboard.press('Escape');
    const mistake = page.getByTestId('mistake');
    await mistake.waitFor();
    assert.equal(await mistake.innerText(), 'prot');
    assert.match(await page.getByTestId('verdict').innerText(), /column 30: .*did you mean "dst port"/);
    const [mark, area] = await Promise.all([mistake.boundingBox(), text.boundingBox()]);
    assert.ok(mark.x > area.x && mark.y >= area.y && mark.y < area.y + area.height, JSON.stringify([mark, area]));
    await shot(page, 'code mistake');
  },
  { allow: [refusedRequest] }
);

onPage(
  'from the builder to text and back',
  explore([{ show: 'top', by: ['dst port'], metrics: ['bytes'], limit: 2 }]),
  async (page) => {
    await page.getByRole('radio', { name: 'Code' }).click();
    const text = page.getByRole('combobox', { name: 'Question' });
    assert.equal(await text.inputValue(), 'top 2 dst port by bytes');
    await page.getByRole('radio', { name: 'Builder' }).click();
    assert.equal(await question(page).innerText(), 'top 2 dst port by bytes');
  }
);

onPage('the help has examples that run', '/help', async (page) => {
  const examples = await page.getByTestId('help').getByRole('button').all();
  assert.ok(examples.length >= 5, `${examples.length} examples`);
  for (const one of examples) {
    await one.click();
    const query = JSON.parse(await page.getByTestId('example').innerText());
    const told = await page.evaluate(async (query) => {
      const { errors } = await window.weir.query('flows', [{ ...query, live: undefined }], {
        from: 'now-2h',
        to: 'now',
      });
      return errors.map((e) => e.message);
    }, query);
    assert.deepEqual(told, [], JSON.stringify(query));
  }
});
