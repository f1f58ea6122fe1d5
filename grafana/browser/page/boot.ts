// What Grafana's server writes into the page before any script runs.

const orgId = Number(new URLSearchParams(location.search).get('orgId') ?? 1);

Object.assign(window, {
  __grafana_public_path__: '/public/',
  grafanaBootData: {
    assets: { dark: '', light: '' },
    navTree: [],
    user: {
      id: 1,
      uid: 'admin',
      isSignedIn: true,
      login: 'admin',
      name: 'admin',
      orgId,
      orgName: 'Main Org.',
      orgRole: 'Admin',
      isGrafanaAdmin: true,
      theme: 'dark',
      timezone: 'utc',
      locale: 'en-US',
      language: 'en-US',
      permissions: {},
    },
    settings: {
      appUrl: location.origin + '/',
      appSubUrl: '',
      buildInfo: { version: '13.1.1', commit: '', env: 'production', edition: 'Open Source' },
      featureToggles: {},
      secureSocksDSProxyEnabled: true,
      exploreEnabled: true,
      liveEnabled: true,
      namespace: 'default',
    },
  },
  MonacoEnvironment: { getWorkerUrl: () => '/public/build/editor.worker.js' },
});

export {};
