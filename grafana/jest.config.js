// force timezone to UTC to allow tests to work regardless of local timezone
// generally used by snapshots, but can affect specific tests
process.env.TZ = 'UTC';

const base = require('./.config/jest.config');
const [[, swc]] = Object.entries(base.transform);

module.exports = {
  // Jest configuration provided by Grafana scaffolding
  ...base,
  // A busy machine may take its time.
  testTimeout: 60_000,
  // Packages that come as .mjs are transformed, too.
  transform: { '^.+\\.m?(t|j)sx?$': swc },
};
