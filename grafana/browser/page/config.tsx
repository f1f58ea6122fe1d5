// A datasource's settings.

import { DataSourcePluginContextProvider } from '@grafana/data';
import { Alert, Button, Field, Input } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { backend } from './backend';
import { type Settings, sources } from './sources';

interface Told {
  status: string;
  message: string;
  details?: { verboseMessage?: string };
}

export function Config({ uid }: { uid: string }) {
  const [settings, setSettings] = useState<Settings>();
  const [told, setTold] = useState<Told>();
  useEffect(() => {
    backend.get<Settings>(`/api/datasources/uid/${uid}`).then(setSettings);
  }, [uid]);
  if (!settings) {
    return null;
  }
  const test = async () => {
    setTold(undefined);
    try {
      await backend.put(`/api/datasources/uid/${uid}`, settings);
      setSettings(await backend.get(`/api/datasources/uid/${uid}`));
      await sources.reload();
      setTold(await sources.instance(uid).testDatasource());
    } catch (e: any) {
      setTold({ status: 'error', message: e.data?.message ?? e.message, details: e.error?.details ?? e.details });
    }
  };
  const Editor = sources.plugin.components.ConfigEditor!;
  return (
    <div data-testid="settings" style={{ maxWidth: 900 }}>
      <Field label="Name" required>
        <Input
          width={40}
          value={settings.name}
          onChange={(e) => setSettings({ ...settings, name: e.currentTarget.value })}
        />
      </Field>
      <DataSourcePluginContextProvider instanceSettings={sources.getInstanceSettings(uid)!}>
        <Editor options={settings} onOptionsChange={setSettings as any} />
      </DataSourcePluginContextProvider>
      {told && (
        <Alert
          title={told.message}
          severity={told.status === 'success' ? 'success' : 'error'}
          data-testid={`told ${told.status}`}
        >
          {told.details?.verboseMessage}
        </Alert>
      )}
      <Button onClick={test}>Save &amp; test</Button>
    </div>
  );
}
