import { DataQueryRequest, DataSourceInstanceSettings, dateTime, TimeRange } from '@grafana/data';

import { WeirDatasource } from './datasource';
import { fields } from './language/testing';
import { WeirOptions, WeirQuery } from './types';

export const range: TimeRange = {
  from: dateTime(1_795_690_000_000),
  to: dateTime(1_795_693_600_000),
  raw: { from: 'now-1h', to: 'now' },
};

/** A datasource over the backend's fields. What it asks besides is the test's. */
export function newDatasource(): WeirDatasource {
  const d = new WeirDatasource({
    uid: 'weir',
    type: 'weir-flows-datasource',
    name: 'Weir flows',
    meta: {},
    jsonData: {},
  } as DataSourceInstanceSettings<WeirOptions>);
  d.fields = () => Promise.resolve(fields);
  return d;
}

export function request(
  targets: WeirQuery[],
  more: Partial<DataQueryRequest<WeirQuery>> = {}
): DataQueryRequest<WeirQuery> {
  return {
    requestId: 'Q1',
    targets,
    range,
    interval: '1m',
    intervalMs: 60_000,
    timezone: 'utc',
    app: 'dashboard',
    scopedVars: {},
    startTime: 0,
    ...more,
  };
}

/** A dashboard's variables, replaced as Grafana does it. */
export function replaceWith(values: Record<string, string | string[]>) {
  return (text: string, _: unknown, format: (value: unknown) => string) =>
    text.replace(/\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]|\$(\w+)/g, (whole, a, aFormat, b, bFormat, c) => {
      const value = values[a ?? b ?? c];
      if (value === undefined) {
        return whole;
      }
      if (value === 'any') {
        return 'any'; // a custom all value is not formatted
      }
      return aFormat === 'raw' || bFormat === 'raw' ? [value].flat().join(',') : format(value);
    });
}
