// Grafana's datasources, all of the one plugin.

import {
  type DataSourceApi,
  type DataSourceInstanceSettings,
  type DataSourceJsonData,
  type DataSourcePlugin,
  type DataSourceRef,
  type DataSourceSettings,
} from '@grafana/data';
import { type DataSourceSrv } from '@grafana/runtime';
import { backend } from './backend';
import { load } from './modules';
import { templates } from './templates';

export type Plugin = DataSourcePlugin<DataSourceApi<any, any>, any, any>;
export type Settings = DataSourceSettings<DataSourceJsonData, Record<string, string>>;

class Sources implements DataSourceSrv {
  plugin!: Plugin;
  private settings: DataSourceInstanceSettings[] = [];
  private instances = new Map<string, DataSourceApi>();

  async start() {
    const meta = await backend.get('/public/plugins/weir-flows-datasource/plugin.json');
    const module = await load();
    this.plugin = module.plugin;
    this.plugin.meta = { ...meta, module: '', baseUrl: 'public/plugins/weir-flows-datasource' };
    await this.reload();
  }
  async reload() {
    const all = await backend.get<Settings[]>('/api/datasources');
    this.instances.clear();
    this.settings = all.map((s) => ({
      id: s.id,
      uid: s.uid,
      type: s.type,
      name: s.name,
      meta: this.plugin.meta,
      url: `/api/datasources/proxy/uid/${s.uid}`,
      access: 'proxy',
      jsonData: s.jsonData,
      readOnly: s.readOnly,
      isDefault: s.isDefault,
    }));
  }
  getList() {
    return this.settings;
  }
  getInstanceSettings(ref?: DataSourceRef | string | null) {
    const asked = typeof ref === 'string' ? ref : ref?.uid;
    const wanted = templates.replace(asked);
    return this.settings.find((s) => s.uid === wanted || s.name === wanted) ?? (wanted ? undefined : this.settings[0]);
  }
  async get(ref?: DataSourceRef | string | null): Promise<DataSourceApi> {
    return this.instance(ref);
  }
  instance(ref?: DataSourceRef | string | null): DataSourceApi {
    const settings = this.getInstanceSettings(ref);
    if (!settings) {
      throw new Error(`Datasource ${JSON.stringify(ref)} was not found`);
    }
    let made = this.instances.get(settings.uid);
    if (!made) {
      made = new this.plugin.DataSourceClass(settings);
      made.components = this.plugin.components;
      if (!made.meta) {
        made.meta = this.plugin.meta;
      }
      this.instances.set(settings.uid, made);
    }
    return made;
  }
  registerRuntimeDataSource(): void {}
}

export const sources = new Sources();
