import { DataSourcePlugin } from '@grafana/data';

import { ConfigEditor } from './components/ConfigEditor';
import { QueryEditor } from './components/QueryEditor';
import { QueryEditorHelp } from './components/QueryEditorHelp';
import { WeirDatasource } from './datasource';
import { WeirOptions, WeirQuery, WeirSecureOptions } from './types';

export const plugin = new DataSourcePlugin<WeirDatasource, WeirQuery, WeirOptions, WeirSecureOptions>(WeirDatasource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor)
  .setQueryEditorHelp(QueryEditorHelp);
