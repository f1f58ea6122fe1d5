// What Explore shows beside a query's own answer.

import assert from 'node:assert/strict';
import { flows } from './fed.mjs';
import { explore, frame, onPage, picture } from './page.mjs';

onPage('how many flows there were, over time', '/', async (page) => {
  const counted = await page.evaluate(async () => {
    const ds = window.weir.sources.instance('flows');
    const query = {
      refId: 'A',
      show: 'flows',
      format: 'logs',
      limit: 10,
      where: 'dst port 22',
      datasource: ds.getRef(),
    };
    const request = window.weir.request('flows', [query], { from: 'now-2h', to: 'now' });
    const types = ds.getSupportedSupplementaryQueryTypes();
    const { series, errors } = await window.weir.run('flows', ds.getSupplementaryRequest('LogsVolume', request));
    const [time, rate] = series[0].fields;
    const seconds = (time.values[1] - time.values[0]) / 1000;
    return { types, errors, flows: rate.values.reduce((sum, v) => sum + v * seconds, 0) };
  });
  assert.deepEqual(counted.errors, []);
  assert.ok(counted.types.includes('LogsVolume'));
  assert.equal(Math.round(counted.flows), flows.filter((f) => f.dport === 22).length);
});

onPage("a flow's context: flows between the same hosts, before and after", '/', async (page) => {
  const lines = await frame(page, {
    show: 'flows',
    format: 'logs',
    limit: 300,
    where: 'dst port 22 and src ip 10.1.0.2',
  });
  const middle = Math.floor(lines.length / 2);
  const [time, labels] = ['timestamp', 'labels'].map(
    (name) => lines.fields.find((f) => f.name === name).values[middle]
  );
  for (const direction of ['BACKWARD', 'FORWARD']) {
    const got = await page.evaluate(
      async ([row, direction]) => {
        const { data } = await window.weir.sources.instance('flows').getLogRowContext(row, { direction, limit: 10 });
        const values = (name) => Array.from(data[0].fields.find((f) => f.name === name).values);
        return { times: values('timestamp'), labels: values('labels') };
      },
      [{ labels, timeEpochMs: time }, direction]
    );
    assert.ok(got.times.length > 1, `${direction}: ${got.times.length} flows`);
    assert.ok(got.labels.every((l) => ['10.1.0.2', '203.0.113.7'].includes(l.src_addr)));
    // A flow that goes on beyond the row's time is of that time, too.
    const far = got.times.filter((t) => (direction === 'BACKWARD' ? t - time : time - t) > 60_000);
    assert.deepEqual(far, []);
  }
});

onPage(
  'a period beside the one before',
  explore([{ show: 'top', by: ['dst port'], metrics: ['bytes'], limit: 3, previous: true }], { from: 'now-30m' }),
  async (page) => {
    await page.getByTestId('table').getByRole('columnheader', { name: 'bytes_before' }).first().waitFor();
  }
);

onPage(
  'pictures for the catalogue',
  explore([{ show: 'series', by: ['src country'], metrics: ['bits'], limit: 5, where: 'net 10.1.0.0/16' }], {
    from: 'now-1h',
  }),
  async (page) => {
    await page.getByTestId('graph').getByText('DE', { exact: true }).waitFor();
    await picture(page, 'picture builder', 736);

    await page.evaluate(
      (to) => window.weir.go(to),
      explore([{ editor: 'code', question: 'top 10 src, dst, dst port by bytes, packets, flows' }], { from: 'now-1h' })
    );
    await page.getByTestId('table').getByRole('columnheader', { name: 'src_addr' }).waitFor();
    const text = page.getByRole('combobox', { name: 'Question' });
    await text.focus();
    await page.keyboard.press('End');
    await page.keyboard.type(' where dst port 44');
    await page.getByRole('option', { name: '443', exact: true }).waitFor();
    await picture(page, 'picture question', 700);

    await page.evaluate(
      (to) => window.weir.go(to),
      explore([{ show: 'conversations', metrics: ['bytes'], limit: 20 }], { from: 'now-1h' })
    );
    await page.getByTestId('table').getByRole('columnheader', { name: 'bytes_a' }).waitFor();
    await picture(page, 'picture conversations', 860);
  }
);
