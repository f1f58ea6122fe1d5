import { expect, test } from '@grafana/plugin-e2e';

import { plugin, provisioned, Weir } from './weir';

test('a collector answers', async ({ createDataSourceConfigPage, readProvisionedDataSource, page }) => {
  const weir: Weir = await readProvisionedDataSource(provisioned);
  const config = await createDataSourceConfigPage({ type: plugin });
  await page.getByRole('radio', { name: 'Collector' }).check({ force: true });
  await page.getByLabel('URL').fill(weir.url ?? '');
  await expect(config.saveAndTest()).toBeOK();
  await expect(config).toHaveAlert('success', { hasText: 'exporters' });
});

test('an address at which nobody is, is told', async ({ createDataSourceConfigPage, page }) => {
  const config = await createDataSourceConfigPage({ type: plugin });
  await page.getByRole('radio', { name: 'Collector' }).check({ force: true });
  await page.getByLabel('URL').fill('http://127.0.0.1:1');
  await expect(config.saveAndTest()).not.toBeOK();
  await expect(config).toHaveAlert('error', { hasText: '127.0.0.1:1' });
});

test('it listens itself', async ({ createDataSourceConfigPage, page }) => {
  const config = await createDataSourceConfigPage({ type: plugin });
  await page.getByRole('radio', { name: 'Direct' }).check({ force: true });
  await page.getByLabel('Listen addresses').fill('udp://127.0.0.1:12055');
  await expect(config.saveAndTest()).toBeOK();
  await expect(config).toHaveAlert('success', { hasText: 'listening on 127.0.0.1:12055' });
});
