import {
  type DataFrame,
  type DataTransformerInfo,
  standardTransformers,
  standardTransformersRegistry,
  toDataFrame,
  transformDataFrame,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';

import applications from './dashboards/applications.json';
import findings from './dashboards/findings.json';
import interfaces from './dashboards/interfaces.json';

interface Panel {
  title: string;
  transformations?: Array<{ id: string; options: object }>;
}

/** shown is what Grafana's own transformations make of an answer for a panel. */
async function shown(
  panels: Panel[],
  title: string,
  answer: Record<string, unknown[]>
): Promise<Record<string, unknown[]>> {
  const panel = panels.find((p) => p.title === title);
  const frame = toDataFrame({ fields: Object.entries(answer).map(([name, values]) => ({ name, values })) });
  const frames: DataFrame[] = await lastValueFrom(transformDataFrame(panel?.transformations ?? [], [frame]));
  return Object.fromEntries(frames[0].fields.map((f) => [f.name, [...f.values]]));
}

const { calculateFieldTransformer, convertFieldTypeTransformer, groupByTransformer, organizeFieldsTransformer } =
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- no Grafana gives them to a test
  standardTransformers;

beforeAll(() =>
  standardTransformersRegistry.setInit(() =>
    [calculateFieldTransformer, convertFieldTypeTransformer, groupByTransformer, organizeFieldsTransformer].map(
      (transformation) => ({
        id: transformation.id,
        name: transformation.name,
        transformation: async () => transformation as DataTransformerInfo,
        editor: () => null,
        imageDark: '',
        imageLight: '',
      })
    )
  )
);

test('an interface of 100 Mbit/s with 80 Mbit/s is full to 80 %, how full one of no known speed is, nobody knows', async () => {
  const answer = {
    exporter: ['192.0.2.1', '192.0.2.1'],
    in_if: ['1', '2'],
    in_if_name: ['wan0', '(none)'],
    in_if_speed: ['100000', '(none)'],
    bits_p95: [80e6, 5e6],
    bits_max: [90e6, 6e6],
    bytes: [1000, 100],
    bytes_rate: [1, 0.1],
    error: [2, 2],
  };
  const got = await shown(interfaces.panels, 'In: how full', answer);
  expect(Object.keys(got)).toEqual([
    'exporter',
    'in_if',
    'in_if_name',
    'in_if_speed',
    'bits_p95',
    'bits_max',
    'bytes',
    'use',
  ]);
  expect(got.in_if_speed[0]).toBe(100000);
  expect(got.use[0]).toBeCloseTo(0.8);
  expect(got.use[1]).toBe(Infinity); // which the panel has words for
});

test('findings are counted by severity and by class', async () => {
  const answer = { severity: ['high', 'low', 'high'], class: ['scan', 'scan', 'ddos'], id: ['a', 'b', 'c'] };
  expect(await shown(findings.panels, 'By severity', answer)).toEqual({
    severity: ['high', 'low'],
    'id (count)': [2, 1],
  });
  expect(await shown(findings.panels, 'By class', answer)).toEqual({ class: ['scan', 'ddos'], 'id (count)': [2, 1] });
});

test('bars have a name and a number', async () => {
  const answer = { dscp: ['cs0', 'ef'], bits: [2, 1], bits_rate: [0.2, 0.1], share: [66, 33], error: [1, 1] };
  expect(await shown(applications.panels, 'Classes of service', answer)).toEqual({ dscp: ['cs0', 'ef'], bits: [2, 1] });
});
