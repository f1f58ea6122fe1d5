import { expect, test } from '@grafana/plugin-e2e';

import { provisioned } from './weir';

test('a question as text makes a table', async ({ panelEditPage, readProvisionedDataSource, page }) => {
  const weir = await readProvisionedDataSource(provisioned);
  await panelEditPage.datasource.set(weir.name);
  await panelEditPage.setVisualization('Table');
  const row = panelEditPage.getQueryEditorRow('A');
  await row.getByRole('radio', { name: 'Code' }).check({ force: true });
  await row.getByRole('combobox', { name: 'Question' }).fill('top 5 exporter by bits, flows');
  await expect(panelEditPage.refreshPanel()).toBeOK();
  await expect(panelEditPage.panel.fieldNames).toContainText(['exporter', 'bits']);
  await expect(page.getByText('127.0.0.11').first()).toBeVisible();
});

test('the builder makes a graph', async ({ panelEditPage, readProvisionedDataSource }) => {
  const weir = await readProvisionedDataSource(provisioned);
  await panelEditPage.datasource.set(weir.name);
  await panelEditPage.setVisualization('Time series');
  await expect(panelEditPage.refreshPanel()).toBeOK();
  await expect(panelEditPage.panel.getErrorIcon()).not.toBeVisible();
  await expect(panelEditPage.getQueryEditorRow('A').getByTestId('question')).toContainText('series');
});

test('a mistake is shown with its place', async ({ panelEditPage, readProvisionedDataSource }) => {
  const weir = await readProvisionedDataSource(provisioned);
  await panelEditPage.datasource.set(weir.name);
  const row = panelEditPage.getQueryEditorRow('A');
  await row.getByRole('radio', { name: 'Code' }).check({ force: true });
  await row.getByRole('combobox', { name: 'Question' }).fill('top 5 scr');
  await expect(row.getByTestId('verdict')).toContainText('column 7');
});

test('flows are found in Explore', async ({ explorePage, readProvisionedDataSource }) => {
  const weir = await readProvisionedDataSource(provisioned);
  await explorePage.datasource.set(weir.name);
  const row = explorePage.getQueryEditorRow('A');
  await row.getByRole('radio', { name: 'Code' }).check({ force: true });
  await row.getByRole('combobox', { name: 'Question' }).fill('flows 20');
  await expect(explorePage.runQuery()).toBeOK();
  await expect(explorePage.tablePanel.fieldNames).toContainText(['src_addr']);
});
