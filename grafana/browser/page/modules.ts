// Loads plugins: AMD modules over the packages that Grafana shares with them.

import './boot';
import * as emotion from '@emotion/css';
import * as emotionReact from '@emotion/react';
import * as grafanaData from '@grafana/data';
import * as grafanaRuntime from '@grafana/runtime';
import * as grafanaUi from '@grafana/ui';
import * as i18next from 'i18next';
import lodash from 'lodash';
import moment from 'moment';
import * as react from 'react';
import * as reactDom from 'react-dom';
import * as jsxRuntime from 'react/jsx-runtime';
import * as rxjs from 'rxjs';

const uri = '/public/plugins/weir-flows-datasource/module.js';

const shared: Record<string, unknown> = {
  '@emotion/css': emotion,
  '@emotion/react': emotionReact,
  '@grafana/data': grafanaData,
  '@grafana/runtime': grafanaRuntime,
  '@grafana/ui': grafanaUi,
  i18next,
  lodash,
  module: { uri, id: uri },
  moment,
  react,
  'react-dom': reactDom,
  'react/jsx-runtime': jsxRuntime,
  rxjs,
};

export function load(): Promise<any> {
  return new Promise((resolve, reject) => {
    const define = (names: string[], make: (...args: unknown[]) => unknown) => {
      const missing = names.filter((name) => !(name in shared));
      if (missing.length > 0) {
        reject(new Error(`the plugin wants what Grafana doesn't share: ${missing}`));
        return;
      }
      resolve(make(...names.map((name) => shared[name])));
    };
    Object.assign(define, { amd: {} });
    Object.assign(window, { define });
    const script = document.createElement('script');
    script.src = uri;
    script.onload = () => Object.assign(window, { define: undefined });
    script.onerror = () => reject(new Error(`${uri} can't be loaded`));
    document.head.append(script);
  });
}
