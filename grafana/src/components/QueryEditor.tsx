import { css } from '@emotion/css';
import { CoreApp, GrafanaTheme2, QueryEditorProps } from '@grafana/data';
import { Alert, Button, Combobox, InlineField, InlineSwitch, RadioButtonGroup, Stack, useStyles2 } from '@grafana/ui';
import React, { useEffect, useRef, useState } from 'react';

import { formatChoices } from '../builder';
import type { WeirDatasource } from '../datasource';
import { editorOf, isOwn, questionOf, showOf } from '../language/question';
import { readStored } from '../stored';
import { Verdict, WeirOptions, WeirQuery } from '../types';
import { AdHoc } from './AdHoc';
import { Builder } from './Builder';
import { useFields, useVerdict } from './hooks';
import { LanguageEditor } from './LanguageEditor';

export type Props = QueryEditorProps<WeirDatasource, WeirQuery, WeirOptions>;

type Editor = 'builder' | 'code';

const editors: Array<{ value: Editor; label: string }> = [
  { value: 'builder', label: 'Builder' },
  { value: 'code', label: 'Code' },
];

/** QueryEditor makes a query, in the builder or as text. */
export function QueryEditor({ query: panels, datasource, range, app, onChange, onRunQuery }: Props) {
  const stored = readStored(panels);
  const { fields, error } = useFields(datasource);
  const editor = editorOf(stored);
  const query: WeirQuery = {
    ...(isNew(stored) && datasource.getDefaultQuery(app ?? CoreApp.Unknown)),
    ...stored,
    editor,
  };
  const verdict = useVerdict(datasource, query);
  const [leaving, setLeaving] = useState(false);
  const ran = useRef(JSON.stringify(query));
  const id = `weir-${query.refId}`;

  // What a new query begins with is stored: the backend is to see it, too.
  const fresh = isNew(stored);
  const begin = useRef(() => onChange(query));
  useEffect(() => {
    if (fresh) {
      begin.current();
    }
  }, [fresh]);

  const run = () => {
    ran.current = '';
    onRunQuery();
  };
  const change = (query: WeirQuery, now: boolean) => {
    onChange(query);
    if (now) {
      ran.current = JSON.stringify(query);
      onRunQuery();
    }
  };
  /** left runs a query that has changed since it ran last. */
  const left = () => {
    const text = JSON.stringify(query);
    if (ran.current !== text) {
      ran.current = text;
      onRunQuery();
    }
  };
  const { question, ...partsOnly } = query;
  const build = () => {
    setLeaving(false);
    change({ ...partsOnly, show: query.show ?? 'top', editor: 'builder' }, true);
  };
  const swap = (to: Editor) => {
    if (to === editor) {
      return;
    }
    if (to === 'code') {
      change({ ...query, editor: 'code', question: isOwn(query.show) ? '' : questionOf(query) }, false);
    } else if (!question?.trim() || question.trim() === questionOf(partsOnly)) {
      build();
    } else {
      setLeaving(true);
    }
  };

  const show = editor === 'code' ? undefined : (query.show ?? 'top');
  return (
    <Stack direction="column" gap={1}>
      <Stack direction="row" wrap="wrap" gap={1} alignItems="center">
        <RadioButtonGroup
          id={`${id}-editor`}
          aria-label="Editor"
          size="sm"
          options={editors}
          value={editor}
          onChange={swap}
        />
        <InlineField
          label="Format"
          htmlFor={`${id}-format`}
          tooltip="How the answer is made up, for the panel that shows it"
        >
          <Combobox
            id={`${id}-format`}
            options={formatChoices(show)}
            value={query.format ?? ''}
            width={18}
            onChange={({ value }) => change({ ...query, format: value || undefined }, true)}
          />
        </InlineField>
        {app !== CoreApp.UnifiedAlerting && app !== CoreApp.CloudAlerting && !isOwn(show) && (
          <InlineField label="Live" htmlFor={`${id}-live`} tooltip="Go on as flows come, and don't wait for a refresh">
            <InlineSwitch
              id={`${id}-live`}
              value={query.live ?? false}
              onChange={(e) => change({ ...query, live: e.currentTarget.checked || undefined }, true)}
            />
          </InlineField>
        )}
        <Button id={`${id}-run`} size="sm" variant="secondary" icon="play" onClick={run} tooltip="Shift+Enter">
          Run query
        </Button>
      </Stack>
      {leaving && editor === 'code' && (
        <Alert severity="warning" title="The builder can't show this question">
          <Stack direction="column" gap={1}>
            <div>{query.show ? `It would go back to: ${questionOf(partsOnly)}` : 'It would begin anew.'}</div>
            <Stack direction="row" gap={1}>
              <Button size="sm" variant="secondary" onClick={build}>
                Use the builder
              </Button>
              <Button size="sm" variant="primary" onClick={() => setLeaving(false)}>
                Keep the text
              </Button>
            </Stack>
          </Stack>
        </Alert>
      )}
      {editor === 'code' ? (
        <LanguageEditor
          id={`${id}-question`}
          label="Question"
          language="question"
          value={question ?? ''}
          datasource={datasource}
          fields={fields}
          range={range}
          mistake={verdict && !verdict.valid ? verdict : undefined}
          placeholder="top 10 src by bits where dst port 443"
          onChange={(text) => onChange({ ...query, question: text })}
          onRun={run}
          onBlur={left}
        />
      ) : (
        <Builder
          id={id}
          query={partsOnly}
          datasource={datasource}
          fields={fields}
          range={range}
          verdict={verdict}
          onChange={change}
          onRun={left}
        />
      )}
      <AdHoc query={query} onChange={(query) => change(query, true)} />
      <State query={query} verdict={verdict} error={error} />
    </Stack>
  );
}

/** isNew tells whether a query says nothing yet. */
function isNew({ question, show, by, metrics, where, editor }: WeirQuery): boolean {
  return [question, show, by, metrics, where, editor].every((x) => x === undefined);
}

/** State says what will be asked, and what is wrong with it. */
function State({ query, verdict, error }: { query: WeirQuery; verdict?: Verdict; error?: string }) {
  const styles = useStyles2(getStyles);
  if (error) {
    return (
      <Alert severity="error" title="The backend doesn't answer">
        {error}
      </Alert>
    );
  }
  const place = verdict?.column
    ? `${verdict.line && verdict.line > 1 ? `line ${verdict.line}, ` : ''}column ${verdict.column}: `
    : '';
  return (
    <div className={styles.state}>
      {query.editor === 'builder' && !isOwn(showOf(query)) && (
        <code className={styles.question} data-testid="question">
          {questionOf(query)}
        </code>
      )}
      <div role="status" aria-live="polite">
        {verdict && !verdict.valid && (
          <div className={styles.mistake} data-testid="verdict">
            {verdict.field && `${verdict.field}: `}
            {place}
            {verdict.error}
            {verdict.caret && <pre className={styles.caret}>{verdict.caret}</pre>}
          </div>
        )}
      </div>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  state: css({
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(0.5),
    fontSize: theme.typography.bodySmall.fontSize,
  }),
  question: css({ alignSelf: 'start', whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }),
  mistake: css({ color: theme.colors.error.text }),
  caret: css({ margin: theme.spacing(0.5, 0), overflowX: 'auto', lineHeight: 1.3 }),
});
