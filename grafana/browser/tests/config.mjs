// Settings, by hand.

import assert from 'node:assert/strict';
import { flows } from './fed.mjs';
import { onPage, refusedRequest, shot } from './page.mjs';

const edit = '/connections/datasources/edit/new';

async function save(page, status) {
  await page.getByRole('button', { name: 'Save & test' }).click();
  const told = page.getByTestId(`told ${status}`);
  await told.waitFor();
  return told.innerText();
}

onPage('a collector is configured and tested', edit, async (page) => {
  await page.getByRole('radio', { name: 'Collector' }).click();
  await page.getByLabel('URL').fill(process.env.WEIR);
  const text = await save(page, 'success');
  assert.match(text, new RegExp(`flows of the last hour: ${flows.length}; exporters: 1`));
  await shot(page, 'config collector');

  await page.reload();
  await page.getByTestId('settings').waitFor();
  assert.equal(await page.getByLabel('URL').inputValue(), process.env.WEIR);
});

onPage(
  'of a wrong URL it is told what is wrong, and what to do',
  edit,
  async (page) => {
    await page.getByRole('radio', { name: 'Collector' }).click();
    await page.getByLabel('URL').fill('http://127.0.0.1:1');
    assert.match(
      await save(page, 'error'),
      /127\.0\.0\.1:1\b.*connection refused\s+let weir run there, and its API listen/
    );
    await shot(page, 'config wrong url');

    await page.getByLabel('URL').fill('nonsense');
    assert.match(await save(page, 'error'), /url is "nonsense": write one as http:/);
  },
  { allow: [refusedRequest] }
);

onPage(
  'a secret is kept, not shown, and can be taken back',
  edit,
  async (page) => {
    await page.getByRole('radio', { name: 'Collector' }).click();
    await page.getByLabel('URL').fill(process.env.WEIR);
    await page.getByLabel('Token').fill('not a token that it knows');
    assert.match(await save(page, 'error'), /make a token of role viewer/);
    const kept = await page.evaluate(async () => (await fetch('/api/datasources/uid/new')).text());
    assert.match(kept, /"secureJsonFields":\{"token":true\}/);
    assert.doesNotMatch(kept, /not a token/);

    await page.getByRole('button', { name: 'Reset' }).click();
    assert.match(await save(page, 'success'), /exporters: 1/);
  },
  { allow: [refusedRequest] }
);

onPage('the plugin is told to listen itself', edit, async (page) => {
  await page.getByRole('radio', { name: 'Direct' }).click();
  await page.getByLabel('Listen addresses').fill(`udp://127.0.0.1:${process.env.FREE_PORT}`);
  await page.getByLabel('Memory for flows').fill('8');
  assert.match(
    await save(page, 'success'),
    new RegExp(`listening on 127\\.0\\.0\\.1:${process.env.FREE_PORT}.*nothing has come yet`)
  );
  await shot(page, 'config direct');
});
