import {
  applyFieldOverrides,
  createTheme,
  displayNameOverrideProcessor,
  type DataFrame,
  type DataTransformerInfo,
  FieldConfigOptionsRegistry,
  type FieldConfigSource,
  getFieldDisplayValues,
  type InterpolateFunction,
  type ReduceDataOptions,
  standardTransformers,
  standardTransformersRegistry,
  toDataFrame,
  transformDataFrame,
  unitOverrideProcessor,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';

import applications from './dashboards/applications.json';
import exporters from './dashboards/exporters.json';
import findings from './dashboards/findings.json';
import overview from './dashboards/overview.json';
import interfaces from './dashboards/interfaces.json';

interface Panel {
  title: string;
  options?: { reduceOptions?: object };
  fieldConfig: object;
  transformations?: Array<{ id: string; options: object }>;
}

type Answer = Record<string, unknown[]>;

const find = (panels: Panel[], title: string) => panels.filter((p) => p.title === title)[0];

/** transformed is what Grafana's own transformations make of an answer for a panel. */
function transformed(panel: Panel, answer: Answer): Promise<DataFrame[]> {
  const frame = toDataFrame({ fields: Object.entries(answer).map(([name, values]) => ({ name, values })) });
  return lastValueFrom(transformDataFrame(panel.transformations ?? [], [frame]));
}

async function shown(panels: Panel[], title: string, answer: Answer): Promise<Answer> {
  const [frame] = await transformed(find(panels, title), answer);
  return Object.fromEntries(frame.fields.map((f) => [f.name, [...f.values]]));
}

/** registry knows the properties of fields that these tests are about. */
const registry = new FieldConfigOptionsRegistry(() =>
  [
    { id: 'displayName', process: displayNameOverrideProcessor },
    { id: 'unit', process: unitOverrideProcessor },
  ].map(({ id, process }) => ({
    id,
    path: id,
    name: id,
    process,
    editor: () => null,
    override: () => null,
    shouldApply: () => true,
  }))
);

/** named is what stats, bars and pies show: numbers by their titles. */
async function named(panels: Panel[], title: string, answer: Answer): Promise<Record<string, number>> {
  const panel = find(panels, title);
  const values = getFieldDisplayValues({
    data: applyFieldOverrides({
      data: await transformed(panel, answer),
      fieldConfig: panel.fieldConfig as FieldConfigSource,
      replaceVariables: replaced,
      theme: createTheme(),
      fieldConfigRegistry: registry,
    }),
    fieldConfig: panel.fieldConfig as FieldConfigSource,
    reduceOptions: panel.options?.reduceOptions as ReduceDataOptions,
    replaceVariables: replaced,
    theme: createTheme(),
  });
  return Object.fromEntries(values.map(({ display }) => [display.title ?? '', display.numeric]));
}

/** replaced has the cells of the row that a value is of, as Grafana has them. */
const replaced: InterpolateFunction = (text, scopedVars) => {
  const { frame, rowIndex }: { frame?: DataFrame; rowIndex?: number } = scopedVars?.__dataContext?.value ?? {};
  return text.replace(/\$\{__data\.fields\.(\w+)\}/g, (_, name) =>
    String(frame?.fields.find((f) => f.name === name)?.values[rowIndex ?? 0])
  );
};

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

test('values are called what they are of', async () => {
  const pie = { proto: ['tcp', 'udp'], bits: [2, 1], bits_rate: [0.2, 0.1], share: [66, 33], error: [1, 1] };
  expect(await named(overview.panels, 'Protocols', pie)).toEqual({ tcp: 2, udp: 1 });
  const bars = { exporter: ['192.0.2.1', '192.0.2.1'], in_if: ['1', '2'], bits_p95: [80, 5], error: [2, 2] };
  expect(await named(overview.panels, 'Busiest interfaces', bars)).toEqual({
    '192.0.2.1 if 1': 80,
    '192.0.2.1 if 2': 5,
  });
  const found = { severity: ['high', 'low', 'high'], id: ['a', 'b', 'c'], flows: ['', '', ''] };
  expect(await named(findings.panels, 'By severity', found)).toEqual({ high: 2, low: 1 });
  expect(Object.values(await named(overview.panels, 'Findings', found))).toEqual([3]);
  const heard = { address: ['192.0.2.1', '192.0.2.2'], state: ['up', 'up'], missing: [3, 4], missing_share: [0.5, 2] };
  expect(await named(exporters.panels, 'By state', heard)).toEqual({ up: 2 });
  expect(Object.values(await named(exporters.panels, 'Missing', heard))).toEqual([7]);
  expect(Object.values(await named(exporters.panels, 'Worst exporter', heard))).toEqual([2]);
});
