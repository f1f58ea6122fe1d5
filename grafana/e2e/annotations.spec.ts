import { expect, test } from '@grafana/plugin-e2e';

import { provisioned } from './weir';

test('findings are asked for', async ({ annotationEditPage, readProvisionedDataSource }) => {
  const weir = await readProvisionedDataSource(provisioned);
  await annotationEditPage.datasource.set(weir.name);
  await expect(annotationEditPage.runQuery()).toBeOK();
});
