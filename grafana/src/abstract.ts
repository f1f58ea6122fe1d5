import { AbstractLabelMatcher, AbstractLabelOperator, AbstractQuery } from '@grafana/data';

import { Fields } from './language/fields';
import { whereOf } from './language/question';
import { splitWhere, Term, writeTerm } from './language/terms';
import { WeirQuery } from './types';

const operators: Array<[AbstractLabelOperator, Term['operator']]> = [
  [AbstractLabelOperator.Equal, '='],
  [AbstractLabelOperator.NotEqual, '!='],
  [AbstractLabelOperator.EqualRegEx, '~'],
  [AbstractLabelOperator.NotEqualRegEx, '!~'],
];

/** toAbstract is what other datasources can take over of a query. */
export function toAbstract(query: WeirQuery, fields: Fields): AbstractQuery {
  const labelMatchers = splitWhere(whereOf(query), fields).terms.flatMap((t): AbstractLabelMatcher[] => {
    const operator = operators.find(([, ours]) => ours === t.operator)?.[0];
    return operator ? [{ name: fields.named(t.field)?.column ?? t.field, value: t.values[0], operator }] : [];
  });
  return { refId: query.refId, labelMatchers };
}

/** fromAbstract takes over what is about fields of ours. */
export function fromAbstract({ refId, labelMatchers }: AbstractQuery, fields: Fields): WeirQuery {
  const terms = labelMatchers.flatMap(({ name, value, operator }) => {
    const ours = operators.find(([theirs]) => theirs === operator)?.[1];
    try {
      return ours && fields.named(name) ? [writeTerm({ field: name, operator: ours, values: [value] })] : [];
    } catch {
      return []; // it has both kinds of quotes
    }
  });
  return { refId, editor: 'builder', show: 'flows', format: 'logs', where: terms.join(' and ') || undefined };
}
