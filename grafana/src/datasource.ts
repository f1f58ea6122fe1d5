import { AdHocVariableFilter, CoreApp, DataSourceInstanceSettings, ScopedVars } from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv } from '@grafana/runtime';

import { quoteAll } from './language/quote';
import { WeirOptions, WeirQuery } from './types';

/** What a variable's values are called where no format is named: `${var:weir}` is the same. */
const ownFormat = /\$\{([^}:]+):weir\}/g;

/** formatValues writes a variable's values as filters take them. */
export function formatValues(value: unknown): string {
  return Array.isArray(value) ? quoteAll(value.map(String)) : quoteAll([String(value)]);
}

export class WeirDatasource extends DataSourceWithBackend<WeirQuery, WeirOptions> {
  constructor(settings: DataSourceInstanceSettings<WeirOptions>) {
    super(settings);
  }

  getDefaultQuery(app: CoreApp): Partial<WeirQuery> {
    return app === CoreApp.Explore
      ? { editor: 'builder', show: 'flows' }
      : { editor: 'builder', show: 'series', by: ['src ip'], metrics: ['bits'], limit: 10 };
  }

  filterQuery(query: WeirQuery): boolean {
    return !query.hide && (query.editor !== 'code' || Boolean(query.question?.trim()));
  }

  applyTemplateVariables(query: WeirQuery, scopedVars: ScopedVars, filters?: AdHocVariableFilter[]): WeirQuery {
    const replace = (text?: string) =>
      text && getTemplateSrv().replace(text.replace(ownFormat, '${$1}'), scopedVars, formatValues);
    return {
      ...query,
      question: replace(query.question),
      where: replace(query.where),
      adhoc: filters?.length ? filters : undefined,
    };
  }
}
