import { expect, test } from '@grafana/plugin-e2e';

import { provisioned } from './weir';

test('a variable offers the values of a field', async ({ variableEditPage, readProvisionedDataSource, page }) => {
  const weir = await readProvisionedDataSource(provisioned);
  await variableEditPage.setVariableType('Query');
  await variableEditPage.datasource.set(weir.name);
  await page.getByLabel('Field').fill('exporter ip');
  await page.keyboard.press('Enter');
  await variableEditPage.runQuery();
  await expect(variableEditPage).toDisplayPreviews(['127.0.0.11', '127.0.0.12']);
});
