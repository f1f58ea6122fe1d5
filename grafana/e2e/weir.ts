import type { DataSourceSettings } from '@grafana/plugin-e2e';

export const plugin = 'weir-flows-datasource';
export const provisioned = { fileName: 'weir.yaml', name: 'Weir collector' };
export type Weir = DataSourceSettings<{ mode: 'collector' | 'direct' }>;
