import { CustomVariableSupport, DataQueryRequest, DataQueryResponse, MetricFindValue } from '@grafana/data';
import { from, Observable } from 'rxjs';

import { VariableQueryEditor } from './components/VariableQueryEditor';
import type { WeirDatasource } from './datasource';
import { replaceVariables } from './interpolate';
import { WeirVariableQuery } from './types';

/** How many values a variable has at most. */
export const mostValues = 1000;

/** WeirVariables answers the queries of a dashboard's variables. */
export class WeirVariables extends CustomVariableSupport<WeirDatasource, WeirVariableQuery> {
  editor = VariableQueryEditor;

  constructor(private readonly datasource: WeirDatasource) {
    super();
  }

  getDefaultQuery(): Partial<WeirVariableQuery> {
    return { kind: 'values', field: 'exporter ip' };
  }

  query(request: DataQueryRequest<WeirVariableQuery>): Observable<DataQueryResponse> {
    return from(this.answer(request).then((data) => ({ data })));
  }

  private async answer({
    targets,
    range,
    scopedVars,
  }: DataQueryRequest<WeirVariableQuery>): Promise<MetricFindValue[]> {
    const [query] = targets;
    switch (query?.kind) {
      case 'exporters': {
        const all = await this.datasource.exporters(range);
        return all.map((e) => ({ text: e.name || e.address, value: e.address }));
      }
      case 'fields': {
        const fields = await this.datasource.fields();
        return fields.all.filter((f) => f.group).map((f) => ({ text: f.name, value: f.name }));
      }
      case 'values': {
        if (!query.field) {
          return [];
        }
        const typed = scopedVars?.__searchFilter?.value;
        const values = await this.datasource.values(replaceVariables(query.field, scopedVars), {
          range,
          prefix: replaceVariables(query.prefix || (typeof typed === 'string' ? typed : ''), scopedVars),
          where: query.where ? replaceVariables(query.where, scopedVars) : undefined,
          limit: Math.min(query.limit || mostValues, mostValues),
        });
        return values.map((text) => ({ text, value: text }));
      }
    }
    return [];
  }
}
