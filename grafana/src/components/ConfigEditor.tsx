import { DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { Alert, Field, Input, RadioButtonGroup, SecretInput } from '@grafana/ui';
import React from 'react';

import { defaults, fromNetwork, listenProblem, urlProblem, windowMB, windowProblem } from '../settings';
import { Mode, WeirOptions, WeirSecureOptions } from '../types';
import { HttpSettings } from './HttpSettings';

export type ConfigProps = DataSourcePluginOptionsEditorProps<WeirOptions, WeirSecureOptions>;

const modes: Array<{ value: Mode; label: string; description: string }> = [
  { value: 'collector', label: 'Collector', description: 'Ask a weir collector' },
  { value: 'direct', label: 'Direct', description: 'Receive flows in this plugin, and keep the newest in memory' },
];

/** ConfigEditor is the page of the datasource's settings. */
export function ConfigEditor(props: ConfigProps) {
  const { options, onOptionsChange } = props;
  const mode = options.jsonData.mode ?? defaults.mode;
  const set = (jsonData: Partial<WeirOptions>) =>
    onOptionsChange({ ...options, jsonData: { ...options.jsonData, mode, ...jsonData } });
  return (
    <>
      <Field
        label="Where flows are"
        description="A collector keeps flows on disk. Directly, nothing else needs to be installed."
      >
        <RadioButtonGroup
          id="config-mode"
          aria-label="Where flows are"
          options={modes}
          value={mode}
          disabled={options.readOnly}
          onChange={(mode) => set({ mode })}
        />
      </Field>
      {mode === 'collector' ? <Collector {...props} /> : <Direct {...props} />}
    </>
  );
}

/** Collector has the settings of a weir that is asked over HTTP. */
function Collector(props: ConfigProps) {
  const { options, onOptionsChange } = props;
  const { url: ours, ...jsonData } = options.jsonData;
  const url = ours ?? options.url ?? '';
  const problem = url === '' ? undefined : urlProblem(url);
  const token = options.secureJsonData?.token ?? '';
  return (
    <>
      <Field
        label="URL"
        htmlFor="config-url"
        description="Of the collector's API, as Grafana's server reaches it"
        invalid={problem !== undefined}
        error={problem}
      >
        <Input
          id="config-url"
          width={60}
          value={url}
          placeholder={defaults.url}
          disabled={options.readOnly}
          onChange={(e) =>
            onOptionsChange({ ...options, url: e.currentTarget.value, jsonData: { ...jsonData, mode: 'collector' } })
          }
        />
      </Field>
      <Field
        label="Token"
        htmlFor="config-token"
        description="Of a viewer; leave it empty if the collector asks for none"
      >
        <SecretInput
          id="config-token"
          width={60}
          autoComplete="off"
          isConfigured={Boolean(options.secureJsonFields?.token)}
          value={token}
          disabled={options.readOnly}
          onReset={() =>
            onOptionsChange({
              ...options,
              secureJsonFields: { ...options.secureJsonFields, token: false },
              secureJsonData: { ...options.secureJsonData, token: '' },
            })
          }
          onChange={(e) =>
            onOptionsChange({ ...options, secureJsonData: { ...options.secureJsonData, token: e.currentTarget.value } })
          }
        />
      </Field>
      <HttpSettings {...props} />
    </>
  );
}

/** Direct has the settings of a plugin that listens itself. */
function Direct({ options, onOptionsChange }: ConfigProps) {
  const set = (jsonData: Partial<WeirOptions>) =>
    onOptionsChange({ ...options, jsonData: { ...options.jsonData, mode: 'direct', ...jsonData } });
  const { listen = defaults.listen, window_mb: size = defaults.windowMB } = options.jsonData;
  const listening = listenProblem(listen);
  const sizing = windowProblem(size);
  return (
    <>
      <Field
        label="Listen addresses"
        htmlFor="config-listen"
        description="Where exporters send NetFlow, IPFIX and sFlow to, with commas between them. 127.0.0.1 takes flows of this machine only; udp://:2055 takes them from the network."
        invalid={listening !== undefined}
        error={listening}
      >
        <Input
          id="config-listen"
          width={80}
          value={listen}
          disabled={options.readOnly}
          onChange={(e) => set({ listen: e.currentTarget.value })}
        />
      </Field>
      {listening === undefined && fromNetwork(listen) && (
        <Alert severity="info" title="Whoever reaches these ports can send flows">
          Flows have no password. Let only your exporters through the firewall, or name them:
          udp://:2055?allow=192.0.2.0/24
        </Alert>
      )}
      <Field
        label="Memory for flows (MiB)"
        htmlFor="config-window"
        description="64 MiB hold some 480,000 flows. When it is full, the oldest flows leave."
        invalid={sizing !== undefined}
        error={sizing}
      >
        <Input
          id="config-window"
          type="number"
          width={20}
          min={windowMB.least}
          max={windowMB.most}
          value={Number.isNaN(size) ? '' : size}
          disabled={options.readOnly}
          onChange={(e) => set({ window_mb: e.currentTarget.valueAsNumber })}
        />
      </Field>
    </>
  );
}
