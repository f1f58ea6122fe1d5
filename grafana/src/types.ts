import { AdHocVariableFilter, DataSourceJsonData } from '@grafana/data';
import { DataQuery } from '@grafana/schema';

/** What a question begins with, and what the plugin answers itself. */
export type Show = 'top' | 'series' | 'matrix' | 'count' | 'flows' | 'conversations' | 'findings' | 'exporters';

/** How an answer is shown, beside its usual way. */
export type Format = '' | 'table' | 'logs' | 'nodegraph' | 'sankey' | 'heatmap' | 'geo' | 'annotations';

/**
 * A query as panels store it: a question as text, or its parts, each in the words of
 * the language.
 */
export interface WeirQuery extends DataQuery {
  /** Which editor it was written in; the backend doesn't look at it. */
  editor?: 'builder' | 'code';
  question?: string;
  show?: Show;
  by?: string[];
  metrics?: string[];
  where?: string;
  limit?: number;
  every?: string;
  idle?: string;
  zone?: string;
  raw?: boolean;
  dedup?: boolean;
  both?: boolean;
  present?: boolean;
  previous?: boolean;
  against?: string;
  /** Of findings: the least severity, how their class begins, and who found them. */
  severity?: string;
  class?: string;
  detector?: string;
  format?: Format;
  /** Filters beside where: a dashboard's, and those of a link. */
  adhoc?: Filter[];
  live?: boolean;
}

/** A filter of a dashboard for all its panels, or of a link: then it may be of a table's row. */
export interface Filter extends AdHocVariableFilter {
  row?: boolean;
}

/** What is asked of variables. */
export interface WeirVariableQuery extends DataQuery {
  kind: 'fields' | 'values' | 'exporters';
  field?: string;
  prefix?: string;
  where?: string;
  limit?: number;
}

export type Mode = 'direct' | 'collector';

export interface WeirOptions extends DataSourceJsonData {
  mode?: Mode;
  url?: string;
  listen?: string;
  window_mb?: number;
  tlsAuth?: boolean;
  tlsAuthWithCACert?: boolean;
  tlsSkipVerify?: boolean;
  serverName?: string;
  timeout?: number;
  oauthPassThru?: boolean;
  enableSecureSocksProxy?: boolean;
}

export interface WeirSecureOptions {
  token?: string;
  basicAuthPassword?: string;
}

/** Something that flows are chosen and grouped by. */
export interface FieldInfo {
  name: string;
  names?: string[];
  column?: string;
  kind: string;
  unit?: string;
  doc?: string;
  group: boolean;
  filter: boolean;
  ordered?: boolean;
  values?: string[];
}

/** Who sends flows. */
export interface Exporter {
  address: string;
  name?: string;
  state?: string;
}

/** What the backend says to a query: its usual form, or a mistake and its place. */
export interface Verdict {
  valid: boolean;
  question?: string;
  error?: string;
  field?: string;
  line?: number;
  column?: number;
  caret?: string;
}
