import { QueryEditorProps } from '@grafana/data';
import { Field, TextArea } from '@grafana/ui';
import React from 'react';

import { WeirDatasource } from '../datasource';
import { WeirOptions, WeirQuery } from '../types';

type Props = QueryEditorProps<WeirDatasource, WeirQuery, WeirOptions>;

/** QueryEditor takes a question. */
export function QueryEditor({ query, onChange, onRunQuery }: Props) {
  return (
    <Field label="Question" htmlFor={`question-${query.refId}`}>
      <TextArea
        id={`question-${query.refId}`}
        value={query.question ?? ''}
        placeholder="top 10 src by bytes where dst port 443"
        onChange={(e) => onChange({ ...query, editor: 'code', question: e.currentTarget.value })}
        onBlur={onRunQuery}
      />
    </Field>
  );
}
