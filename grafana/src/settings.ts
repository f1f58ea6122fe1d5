import { DataSourceSettings } from '@grafana/data';

import { Mode, WeirOptions, WeirSecureOptions } from './types';

export type Settings = DataSourceSettings<WeirOptions, WeirSecureOptions>;

/** What the backend takes where nothing is set. */
export const defaults = {
  mode: 'direct' as Mode,
  url: 'http://127.0.0.1:8085',
  listen: 'udp://127.0.0.1:2055,udp://127.0.0.1:4739,udp://127.0.0.1:6343',
  windowMB: 64,
};

/** Bounds of the memory for flows, in MiB. */
export const windowMB = { least: 4, most: 65536 };

/** urlProblem says what is wrong with a collector's address; undefined: nothing. */
export function urlProblem(text: string): string | undefined {
  const example = `Write an address as ${defaults.url}`;
  try {
    const url = new URL(text);
    if (!['http:', 'https:'].includes(url.protocol) || !url.hostname) {
      return example;
    }
    if (url.username || url.password) {
      return 'Leave the user out of the address: there are fields for it below';
    }
    return url.search || url.hash ? 'Leave out what stands behind ? or #' : undefined;
  } catch {
    return example;
  }
}

/** listenProblem says what is wrong with listen addresses; undefined: nothing. */
export function listenProblem(text: string): string | undefined {
  const seen = new Set<string>();
  const all = text
    .split(',')
    .map((s) => s.trim())
    .filter((s) => s !== '');
  if (all.length === 0) {
    return 'Write at least one address, as udp://127.0.0.1:2055';
  }
  for (const address of all) {
    const [where] = address.split('?');
    const [, scheme = 'udp', hostPort] = /^(?:([a-z]*):\/\/)?(.*)$/i.exec(where)!;
    if (scheme === 'tls' || scheme === 'dtls') {
      return `${address}: the plugin can't do ${scheme}; let a collector listen there`;
    }
    if (scheme !== 'udp' && scheme !== 'tcp') {
      return `${address}: write udp:// or tcp:// before it`;
    }
    const match = /^(\[[0-9a-f:.%]+\]|[^:[\]]*):(\d+)$/i.exec(hostPort);
    if (!match) {
      return `${address}: write host:port, or :port for all addresses of this machine`;
    }
    const [, host, port] = match;
    if (Number(port) > 65535) {
      return `${address}: the port is a number up to 65535`;
    }
    const key = `${scheme} ${host} ${Number(port)}`;
    if (Number(port) > 0 && seen.has(key)) {
      return `${address} is there twice`;
    }
    seen.add(key);
  }
  return undefined;
}

/** open tells whether listen addresses take flows from the network. */
export function fromNetwork(text: string): boolean {
  return text.split(',').some((address) => {
    const host = /^(?:[a-z]+:\/\/)?(\[[^\]]*\]|[^:]*):\d+/i.exec(address.trim())?.[1];
    return host !== undefined && !/^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/i.test(host);
  });
}

export function windowProblem(value: number): string | undefined {
  const { least, most } = windowMB;
  return Number.isInteger(value) && value >= least && value <= most
    ? undefined
    : `Write a whole number of MiB from ${least} to ${most}`;
}
