import { readStored } from './stored';
import { WeirQuery } from './types';

const read = (query: object) => readStored({ refId: 'A', ...query } as WeirQuery);

test('a query of the first kind has the parts that ask the same', () => {
  expect(read({ type: 'timeseries', metric: 'packets', groupBy: ['SrcAddr'], limit: 3, filter: 'proto tcp' })).toEqual({
    refId: 'A',
    show: 'series',
    by: ['SrcAddr'],
    metrics: ['packets'],
    limit: 3,
    where: 'proto tcp',
  });
  expect(read({ groupBy: ['proto'] })).toMatchObject({ show: 'series', by: ['proto'], metrics: ['bits'] });
  expect(read({ type: 'top' })).toMatchObject({ show: 'top', metrics: ['bits'] });
  expect(read({ type: 'flows', metric: 'bytes', limit: 50 })).toEqual({ refId: 'A', show: 'flows', limit: 50 });
});

test('what it has left does not count where there are parts', () => {
  const query = { refId: 'A', type: 'top', metric: 'bits', show: 'flows' };
  expect(read(query)).toEqual(query);
});

test('what is null is not there', () => {
  expect(read({ show: 'top', by: null, metrics: null, where: null, limit: null })).toEqual({ refId: 'A', show: 'top' });
});
