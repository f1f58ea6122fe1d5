// The host page: what Grafana's frontend is to a datasource.

import './boot';
import { css, injectGlobal } from '@emotion/css';
import {
  createTheme,
  type DataQuery,
  type DataQueryRequest,
  EventBusSrv,
  type GrafanaTheme2,
  locationUtil,
  type RawTimeRange,
  standardEditorsRegistry,
  standardFieldConfigEditorRegistry,
} from '@grafana/data';
import {
  config,
  setAppEvents,
  setBackendSrv,
  setDataSourceSrv,
  setEchoSrv,
  setGrafanaLiveSrv,
  setTemplateSrv,
} from '@grafana/runtime';
import { ErrorBoundaryAlert, GlobalStyles, PortalContainer, ThemeContext, useStyles2 } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { lastValueFrom } from 'rxjs';
import { backend } from './backend';
import { Config } from './config';
import { AnnotationPage, HelpPage, VariablePage } from './editors';
import { Explore } from './explore';
import { live } from './live';
import { marks, requestOf, run, values } from './run';
import { sources } from './sources';
import { templates, type Variable } from './templates';

declare global {
  interface Window {
    weir: typeof handle;
  }
}

// What tests call as a dashboard would, of the datasource of a uid.
const handle = {
  sources,
  // Another page without loading all again, as Grafana's router does.
  go: (path: string) => {
    history.pushState({}, '', path);
    window.dispatchEvent(new PopStateEvent('popstate'));
  },
  live,
  templates: (variables: Variable[]) => templates.set(variables),
  replace: (text: string) => templates.replace(text),
  query: (uid: string, queries: DataQuery[], raw: RawTimeRange, more?: Partial<DataQueryRequest>) =>
    lastValueFrom(handle.watch(uid, queries, raw, more)),
  watch: (uid: string, queries: DataQuery[], raw: RawTimeRange, more?: Partial<DataQueryRequest>) => {
    const ds = sources.instance(uid);
    return run(ds, requestOf(ds, queries, raw, more));
  },
  run: (uid: string, request: DataQueryRequest) => lastValueFrom(run(sources.instance(uid), request)),
  request: (uid: string, queries: DataQuery[], raw: RawTimeRange, more?: Partial<DataQueryRequest>) =>
    requestOf(sources.instance(uid), queries, raw, more),
  values: (uid: string, query: unknown, raw: RawTimeRange) => values(sources.instance(uid), query, raw),
  marks: (uid: string, annotation: unknown, raw: RawTimeRange) => marks(sources.instance(uid), annotation, raw),
};

const width = 1240;

function Page() {
  const styles = useStyles2(getStyles);
  const [url, setURL] = useState(location.href);
  useEffect(() => {
    const moved = () => setURL(location.href);
    window.addEventListener('popstate', moved);
    window.weir = handle; // now it can go elsewhere
    return () => window.removeEventListener('popstate', moved);
  }, []);
  const path = new URL(url).pathname;
  const uid = path.match(/^\/connections\/datasources\/edit\/([^/]+)$/)?.[1];
  return (
    <div key={url} className={styles.page} data-testid={`page ${url}`}>
      <ErrorBoundaryAlert>
        {uid && <Config uid={uid} />}
        {path === '/explore' && <Explore width={width} />}
        {path === '/variable' && <VariablePage />}
        {path === '/annotation' && <AnnotationPage />}
        {path === '/help' && <HelpPage />}
      </ErrorBoundaryAlert>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  page: css({ width, margin: '0 auto', padding: theme.spacing(2, 0) }),
});

async function start() {
  const theme = createTheme({ colors: { mode: 'dark' } });
  Object.assign(config, { theme2: theme, theme: theme.v1 });
  standardEditorsRegistry.setInit(() => []);
  standardFieldConfigEditorRegistry.setInit(() => []);
  locationUtil.initialize({
    config: { appSubUrl: '' } as any,
    getVariablesUrlParams: () => ({}),
    getTimeRangeForUrl: () => ({ from: 'now-1h', to: 'now' }),
  });
  setBackendSrv(backend);
  setTemplateSrv(templates);
  setGrafanaLiveSrv(live);
  setDataSourceSrv(sources);
  setAppEvents(new EventBusSrv());
  setEchoSrv({ flush() {}, addBackend() {}, addEvent() {} });
  injectGlobal({ body: { background: theme.colors.background.canvas, margin: 0 } });
  await sources.start();
  createRoot(document.getElementById('page')!).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Page />
      <PortalContainer />
    </ThemeContext.Provider>
  );
}

start();
