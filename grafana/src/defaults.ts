import type {
  CustomVariableKind,
  QueryVariableKind,
  VariableKind,
} from '@grafana/schema/apis/dashboard.grafana.app/v2beta1';

import { WeirVariableQuery } from './types';

type Shared = Omit<QueryVariableKind['spec'], 'name' | 'label' | 'query'>;

const shared: Shared = {
  current: { text: ['All'], value: ['$__all'] },
  hide: 'dontHide',
  refresh: 'onTimeRangeChanged',
  skipUrlSync: false,
  regex: '',
  sort: 'naturalAsc',
  options: [],
  multi: true,
  includeAll: true,
  allValue: 'any',
  allowCustomValue: true,
};

function asked(
  plugin: string,
  uid: string,
  name: string,
  label: string,
  spec: Omit<WeirVariableQuery, 'refId'>
): QueryVariableKind {
  return {
    kind: 'QueryVariable',
    spec: {
      ...shared,
      name,
      label,
      query: {
        kind: 'DataQuery',
        group: plugin,
        version: 'v0',
        datasource: { name: uid },
        spec: { refId: name, ...spec },
      },
    },
  };
}

const direction: CustomVariableKind = {
  kind: 'CustomVariable',
  spec: {
    name: 'direction',
    label: 'Direction',
    query: 'both : if, in : in if, out : out if',
    current: { text: 'both', value: 'if' },
    options: [],
    multi: false,
    includeAll: false,
    hide: 'dontHide',
    skipUrlSync: false,
    allowCustomValue: false,
  },
};

/** defaultVariables are what dashboards of flows have in common. */
export function defaultVariables(plugin: string, uid: string): VariableKind[] {
  return [
    asked(plugin, uid, 'exporter', 'Exporter', { kind: 'exporters' }),
    asked(plugin, uid, 'interface', 'Interface', { kind: 'values', field: 'if' }),
    direction,
  ];
}
