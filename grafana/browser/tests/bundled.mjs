// The bundled dashboards: each query of each panel is asked with the dashboards' own
// variables, whose values come from their queries.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { onPage } from './page.mjs';

const dist = new URL('../../dist/', import.meta.url);
const read = (path) => JSON.parse(readFileSync(new URL(path, dist), 'utf8'));
const dashboards = read('plugin.json').includes.filter((i) => i.type === 'dashboard');

const panels = (all) => all.flatMap((p) => (p.type === 'row' ? panels(p.panels ?? []) : [p]));

// choices are what somebody may choose: all there is, or some.
function choices(variables, offered) {
  const all = variables.flatMap((v) => {
    switch (v.type) {
      case 'datasource':
        return [{ name: v.name, value: 'flows' }];
      case 'query':
        return [{ name: v.name, value: ['$__all'], options: offered[v.name], allValue: v.allValue, multi: v.multi }];
      case 'custom':
        return [{ name: v.name, value: v.current.value }];
      default:
        return [];
    }
  });
  const some = all.map((v) => ({
    ...v,
    value: v.options ? v.options.slice(0, 2) : v.name === 'direction' ? 'in if' : v.value,
  }));
  return [all, some];
}

for (const { name, path } of dashboards) {
  onPage(`${name}: all its queries`, '/', async (page) => {
    const dashboard = read(path);
    const variables = dashboard.templating.list;
    await page.evaluate(() =>
      window.weir.templates([
        { name: 'datasource', value: 'flows' },
        { name: 'exporter', value: ['$__all'], options: [], allValue: 'any' },
      ])
    );
    const offered = {};
    for (const v of variables.filter((v) => v.type === 'query')) {
      const values = await page.evaluate(
        ([query, raw]) => window.weir.values('flows', query, raw),
        [v.query, dashboard.time]
      );
      assert.ok(values.length > 0, `${v.name} has no values`);
      offered[v.name] = values.map((one) => one.value ?? one.text);
    }
    for (const chosen of choices(variables, offered)) {
      const asked = panels(dashboard.panels).filter((p) => p.targets?.length > 0);
      const got = await page.evaluate(
        async ([chosen, asked, raw, annotations]) => {
          window.weir.templates(chosen);
          const filters = [{ key: 'proto', operator: '=|', value: 'tcp', values: ['tcp', 'udp'] }];
          const answers = asked.map(async ({ title, targets, maxDataPoints }) => {
            const { errors, series } = await window.weir.query('flows', targets, raw, {
              app: 'dashboard',
              filters,
              maxDataPoints: maxDataPoints ?? 500,
            });
            const rows = targets.map(
              // Frames of node graphs are named nodes and edges.
              ({ refId, format }) => series.some((f) => (f.refId === refId || format === 'nodegraph') && f.length > 0)
            );
            return { title, errors: errors.map((e) => e.message), empty: rows.includes(false) };
          });
          const marks = await Promise.all(annotations.map((a) => window.weir.marks('flows', a, raw)));
          return { answers: await Promise.all(answers), marks: marks.map((m) => m.length) };
        },
        [
          chosen,
          asked,
          dashboard.time,
          dashboard.annotations.list.filter((a) => a.datasource?.type === 'weir-flows-datasource'),
        ]
      );
      assert.deepEqual(
        got.answers.filter((a) => a.errors.length > 0 || a.empty),
        []
      );
      assert.ok(
        got.marks.every((n) => n === 1),
        `${got.marks} findings`
      );
    }
  });
}
