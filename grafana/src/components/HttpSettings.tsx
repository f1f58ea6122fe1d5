import { config } from '@grafana/runtime';
import {
  Collapse,
  CustomHeadersSettings,
  Field,
  Input,
  SecretInput,
  SecureSocksProxySettings,
  Switch,
  TLSAuthSettings,
} from '@grafana/ui';
import React, { useState } from 'react';

import { WeirOptions } from '../types';
import { ConfigProps } from './ConfigEditor';

const switches: Array<{
  key: 'tlsSkipVerify' | 'tlsAuthWithCACert' | 'tlsAuth' | 'oauthPassThru';
  label: string;
  description: string;
}> = [
  { key: 'tlsAuthWithCACert', label: 'Own CA', description: "Check the collector's certificate with a CA of yours" },
  { key: 'tlsAuth', label: 'Client certificate', description: 'Show the collector a certificate' },
  { key: 'tlsSkipVerify', label: 'Skip TLS verify', description: "Don't check the collector's certificate" },
  { key: 'oauthPassThru', label: 'Forward OAuth identity', description: "Send the user's OAuth token along" },
];

/** HttpSettings are those that Grafana has for all that it asks over HTTP. */
export function HttpSettings({ options, onOptionsChange }: ConfigProps) {
  const { jsonData } = options;
  const [open, setOpen] = useState(false);
  const set = (change: Partial<WeirOptions>) => onOptionsChange({ ...options, jsonData: { ...jsonData, ...change } });
  return (
    <Collapse label="TLS, authentication, headers" isOpen={open} onToggle={() => setOpen(!open)}>
      <Field
        label="Timeout (s)"
        htmlFor="config-timeout"
        description="How long an answer may take; 30 unless it is set"
      >
        <Input
          id="config-timeout"
          type="number"
          width={20}
          min={1}
          placeholder="30"
          value={jsonData.timeout ?? ''}
          disabled={options.readOnly}
          onChange={(e) => {
            const seconds = e.currentTarget.valueAsNumber;
            set({ timeout: Number.isNaN(seconds) ? undefined : seconds });
          }}
        />
      </Field>
      {switches.map(({ key, label, description }) => (
        <Field key={key} label={label} htmlFor={`config-${key}`} description={description}>
          <Switch
            id={`config-${key}`}
            value={jsonData[key] ?? false}
            disabled={options.readOnly}
            onChange={(e) => set({ [key]: e.currentTarget.checked })}
          />
        </Field>
      ))}
      {(jsonData.tlsAuth || jsonData.tlsAuthWithCACert) && (
        <TLSAuthSettings dataSourceConfig={options} onChange={onOptionsChange} />
      )}
      <Field
        label="Basic authentication"
        htmlFor="config-basicAuth"
        description="Where a proxy before the collector asks for it; the token goes in the same header, so leave it empty then"
      >
        <Switch
          id="config-basicAuth"
          value={options.basicAuth}
          disabled={options.readOnly}
          onChange={(e) => onOptionsChange({ ...options, basicAuth: e.currentTarget.checked })}
        />
      </Field>
      {options.basicAuth && (
        <>
          <Field label="User" htmlFor="config-user">
            <Input
              id="config-user"
              width={40}
              autoComplete="off"
              value={options.basicAuthUser}
              disabled={options.readOnly}
              onChange={(e) => onOptionsChange({ ...options, basicAuthUser: e.currentTarget.value })}
            />
          </Field>
          <Field label="Password" htmlFor="config-password">
            <SecretInput
              id="config-password"
              width={40}
              autoComplete="off"
              isConfigured={Boolean(options.secureJsonFields?.basicAuthPassword)}
              value={options.secureJsonData?.basicAuthPassword ?? ''}
              disabled={options.readOnly}
              onReset={() =>
                onOptionsChange({
                  ...options,
                  secureJsonFields: { ...options.secureJsonFields, basicAuthPassword: false },
                  secureJsonData: { ...options.secureJsonData, basicAuthPassword: '' },
                })
              }
              onChange={(e) =>
                onOptionsChange({
                  ...options,
                  secureJsonData: { ...options.secureJsonData, basicAuthPassword: e.currentTarget.value },
                })
              }
            />
          </Field>
        </>
      )}
      <CustomHeadersSettings dataSourceConfig={options} onChange={onOptionsChange} />
      {config.secureSocksDSProxyEnabled && (
        <SecureSocksProxySettings options={options} onOptionsChange={onOptionsChange} />
      )}
    </Collapse>
  );
}
