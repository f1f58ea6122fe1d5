// The plugin's other editors: of variables, of annotations, and its help.

import {
  type AnnotationEvent,
  CoreApp,
  type DataQuery,
  DataSourcePluginContextProvider,
  type MetricFindValue,
  VariableSupportType,
} from '@grafana/data';
import { Alert, Button, Tag } from '@grafana/ui';
import { useState } from 'react';
import { absolute, marks, values } from './run';
import { sources } from './sources';

const raw = { from: 'now-1h', to: 'now' };

export function VariablePage() {
  const ds = sources.instance();
  const support: any = ds.variables;
  const type = support?.getType();
  const Editor =
    type === VariableSupportType.Datasource
      ? sources.plugin.components.QueryEditor!
      : (support?.editor ?? sources.plugin.components.VariableQueryEditor);
  const [query, setQuery] = useState<any>({ refId: 'variable', ...support?.getDefaultQuery?.() });
  const [found, setFound] = useState<MetricFindValue[]>([]);
  const [error, setError] = useState('');
  const ask = async (asked = query) => {
    setError('');
    try {
      setFound(await values(ds, asked, raw));
    } catch (e: any) {
      setError(e.message ?? String(e));
    }
  };
  return (
    <div data-testid="variable">
      <DataSourcePluginContextProvider instanceSettings={sources.getInstanceSettings(ds.uid)!}>
        <Editor
          datasource={ds}
          query={query}
          onChange={setQuery}
          onRunQuery={ask}
          range={absolute(raw)}
          data={undefined}
        />
      </DataSourcePluginContextProvider>
      <Button onClick={() => ask()}>Preview of values</Button>
      {error && <Alert title={error} severity="error" />}
      <div>
        {found.map((one, i) => (
          <Tag key={i} name={one.text} data-value={one.value ?? one.text} data-testid="value" />
        ))}
      </div>
    </div>
  );
}

export function AnnotationPage() {
  const ds = sources.instance();
  const support: any = ds.annotations;
  const prepare = support.prepareAnnotation ?? ((one: unknown) => one);
  const [annotation, setAnnotation] = useState<any>(() =>
    prepare({ name: 'New annotation', enable: true, iconColor: 'red', datasource: ds.getRef() })
  );
  const [found, setFound] = useState<AnnotationEvent[]>([]);
  const [error, setError] = useState('');
  const Editor: any = support.QueryEditor ?? sources.plugin.components.QueryEditor!;
  const query = { ...support.getDefaultQuery?.(), ...(annotation.target ?? { refId: 'Anno' }) };
  return (
    <div data-testid="annotation">
      <DataSourcePluginContextProvider instanceSettings={sources.getInstanceSettings(ds.uid)!}>
        <Editor
          datasource={ds}
          query={query}
          app={CoreApp.Dashboard}
          onChange={(target: DataQuery) => setAnnotation({ ...annotation, target })}
          onRunQuery={() => {}}
          range={absolute(raw)}
          annotation={annotation}
          onAnnotationChange={setAnnotation}
        />
      </DataSourcePluginContextProvider>
      <Button
        onClick={async () => {
          setError('');
          try {
            setFound(await marks(ds, prepare(annotation), raw));
          } catch (e: any) {
            setError(e.message ?? String(e));
          }
        }}
      >
        Test
      </Button>
      {error && <Alert title={error} severity="error" />}
      {found.map((one, i) => (
        <div key={i} data-testid="mark" data-time={one.time} data-time-end={one.timeEnd}>
          {one.title} {one.text} {(one.tags ?? []).join(' ')}
        </div>
      ))}
    </div>
  );
}

export function HelpPage() {
  const ds = sources.instance();
  const Help: any = sources.plugin.components.QueryEditorHelp!;
  const [clicked, setClicked] = useState<DataQuery>();
  return (
    <div data-testid="help">
      <Help datasource={ds} query={{ refId: 'A' }} onClickExample={(query: DataQuery) => setClicked(query)} />
      <pre data-testid="example">{clicked && JSON.stringify(clicked)}</pre>
    </div>
  );
}
