import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from '@grafana/plugin-e2e';

interface Dashboard {
  uid: string;
  title: string;
  panels: Array<{ title: string; type: string }>;
}

const folder = join(__dirname, '..', 'src', 'dashboards');
const dashboards = readdirSync(folder).map((name): Dashboard => JSON.parse(readFileSync(join(folder, name), 'utf8')));

for (const { uid, title, panels } of dashboards) {
  test(`${title} shows what it is for`, async ({ gotoDashboardPage }) => {
    const dashboard = await gotoDashboardPage({ uid, timeRange: { from: 'now-15m', to: 'now' } });
    await dashboard.waitForPanelsQueriesToComplete({ scrollAll: true, timeout: 60_000 });
    for (const { title } of panels) {
      const panel = dashboard.getPanelByTitle(title);
      await panel.scrollIntoView();
      await expect(panel.getErrorIcon()).not.toBeVisible();
    }
  });
}

test('an exporter that is chosen stays chosen on the next dashboard', async ({ gotoDashboardPage, page }) => {
  await gotoDashboardPage({
    uid: 'weir-overview',
    queryParams: new URLSearchParams([['var-exporter', '127.0.0.11']]),
  });
  await page.getByText('Flows', { exact: true }).last().click();
  await page.getByText('Flows: Top talkers').click();
  await expect(page).toHaveURL(/weir-talkers.*var-exporter=127\.0\.0\.11/);
});
