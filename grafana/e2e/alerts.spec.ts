import { expect, test } from '@grafana/plugin-e2e';

const rules = ['A link is full, in', 'A link is full, out', 'An exporter is silent'];

for (const ruleTitle of rules) {
  test(`${ruleTitle}: the rule can be evaluated`, async ({ gotoAlertRuleEditPage, readProvisionedAlertRule }) => {
    const { uid } = await readProvisionedAlertRule({ fileName: 'weir.yaml', ruleTitle });
    const page = await gotoAlertRuleEditPage({ uid });
    await expect(page.evaluate()).toBeOK();
  });
}
