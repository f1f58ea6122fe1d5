import { formatChoices, readMetric, showing, writeMetric } from './builder';
import { WeirQuery } from './types';

test.each(['bits', 'bits p95', 'bytes max', 'flows p7', 'distinct src ip'])('metric %s', (text) => {
  expect(writeMetric(readMetric(text))).toBe(text);
});

test('a sum needs no word, and what is counted has a column', () => {
  expect(writeMetric(readMetric('bytes total'))).toBe('bytes');
  expect(writeMetric({ of: 'distinct', column: '', fold: 'max' })).toBe('distinct src ip');
});

describe('showing', () => {
  const query: WeirQuery = {
    refId: 'A',
    show: 'top',
    by: ['src as', 'pair', 'proto'],
    metrics: ['bits p95', 'distinct src ip', 'flows'],
    where: 'port 53',
    every: '5min',
    previous: true,
    both: true,
    present: true,
    format: 'sankey',
  };

  it.each<[NonNullable<WeirQuery['show']>, Partial<WeirQuery>]>([
    [
      'series',
      { by: query.by, metrics: query.metrics, every: '5min', previous: undefined, both: true, format: undefined },
    ],
    ['matrix', { by: ['src as', 'proto'], metrics: query.metrics, previous: true, both: undefined, format: 'sankey' }],
    ['count', { by: query.by, metrics: ['distinct src ip'], every: undefined }],
    ['flows', { by: undefined, metrics: ['bits'], every: undefined, present: undefined }],
    ['exporters', { by: undefined, metrics: undefined, where: 'port 53' }],
  ])('%s keeps what goes with it', (show, want) => {
    expect(showing(query, show)).toMatchObject({ show, ...want });
  });

  it('fills in what is needed', () => {
    expect(showing({ refId: 'A', show: 'flows' }, 'matrix')).toMatchObject({
      by: ['src ip', 'dst ip'],
      metrics: ['bytes'],
    });
    expect(showing({ refId: 'A', show: 'flows' }, 'count').metrics).toEqual(['distinct src ip']);
  });
});

test('formats', () => {
  expect(formatChoices('findings').map((f) => f.value)).toEqual(['', 'table', 'annotations']);
  expect(formatChoices(undefined)).toHaveLength(8);
});
