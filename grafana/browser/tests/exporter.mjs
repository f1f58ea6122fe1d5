// An exporter of NetFlow v5 and IPFIX: what it is fed is what tests expect.

import dgram from 'node:dgram';

const socket = dgram.createSocket('udp4');
const uptime = 48 * 3600_000;
let sequence5 = 0;
let sequence10 = 0;

const address = (text) => Buffer.from(text.split('.').map(Number));

const send = (port, packet) =>
  new Promise((resolve, reject) =>
    socket.send(packet, port, '127.0.0.1', (error) => (error ? reject(error) : resolve()))
  );

// netflow5 sends flows: {src, dst, sport, dport, proto, bytes, packets, start, end, in, out, srcAs, dstAs},
// times in milliseconds since 1970. The sampling rate is 1.
export async function netflow5(port, flows) {
  const now = Date.now();
  for (let from = 0; from < flows.length; from += 30) {
    const some = flows.slice(from, from + 30);
    const p = Buffer.alloc(24 + 48 * some.length);
    p.writeUInt16BE(5, 0);
    p.writeUInt16BE(some.length, 2);
    p.writeUInt32BE(uptime, 4);
    p.writeUInt32BE(Math.floor(now / 1000), 8);
    p.writeUInt32BE((now % 1000) * 1_000_000, 12);
    p.writeUInt32BE(sequence5, 16);
    p.writeUInt16BE(0x4001, 22);
    some.forEach((f, i) => {
      const r = p.subarray(24 + 48 * i);
      address(f.src).copy(r, 0);
      address(f.dst).copy(r, 4);
      r.writeUInt16BE(f.in ?? 1, 12);
      r.writeUInt16BE(f.out ?? 2, 14);
      r.writeUInt32BE(f.packets, 16);
      r.writeUInt32BE(f.bytes, 20);
      r.writeUInt32BE(uptime - (now - f.start), 24);
      r.writeUInt32BE(uptime - (now - f.end), 28);
      r.writeUInt16BE(f.sport, 32);
      r.writeUInt16BE(f.dport, 34);
      r.writeUInt8(f.flags ?? 0x1b, 37);
      r.writeUInt8(f.proto ?? 6, 38);
      r.writeUInt16BE(f.srcAs ?? 0, 40);
      r.writeUInt16BE(f.dstAs ?? 0, 42);
    });
    sequence5 += some.length;
    await send(port, p);
  }
}

// ipfix sends flows of names that users have: {src, dst, sport, dport, bytes, packets, start, end, user}.
export async function ipfix(port, flows) {
  const fields = [
    [8, 4],
    [12, 4],
    [7, 2],
    [11, 2],
    [4, 1],
    [1, 8],
    [2, 8],
    [152, 8],
    [153, 8],
    [371, 65535],
  ];
  const template = Buffer.alloc(8 + 4 * fields.length);
  template.writeUInt16BE(2, 0);
  template.writeUInt16BE(template.length, 2);
  template.writeUInt16BE(256, 4);
  template.writeUInt16BE(fields.length, 6);
  fields.forEach(([id, length], i) => {
    template.writeUInt16BE(id, 8 + 4 * i);
    template.writeUInt16BE(length, 10 + 4 * i);
  });
  const records = flows.map((f) => {
    const name = Buffer.from(f.user, 'utf8');
    const r = Buffer.alloc(46);
    address(f.src).copy(r, 0);
    address(f.dst).copy(r, 4);
    r.writeUInt16BE(f.sport, 8);
    r.writeUInt16BE(f.dport, 10);
    r.writeUInt8(f.proto ?? 6, 12);
    r.writeBigUInt64BE(BigInt(f.bytes), 13);
    r.writeBigUInt64BE(BigInt(f.packets), 21);
    r.writeBigUInt64BE(BigInt(f.start), 29);
    r.writeBigUInt64BE(BigInt(f.end), 37);
    r.writeUInt8(name.length, 45);
    return Buffer.concat([r, name]);
  });
  const data = Buffer.concat([Buffer.from([1, 0, 0, 0]), ...records]);
  data.writeUInt16BE(data.length, 2);
  const header = Buffer.alloc(16);
  header.writeUInt16BE(10, 0);
  header.writeUInt16BE(header.length + template.length + data.length, 2);
  header.writeUInt32BE(Math.floor(Date.now() / 1000), 4);
  header.writeUInt32BE(sequence10, 8);
  header.writeUInt32BE(7, 12);
  sequence10 += flows.length;
  await send(port, Buffer.concat([header, template, data]));
}

export const close = () => socket.close();

// An office in the last 55 minutes: each minute some services, more or less busy.
export function office(now) {
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const services = [
    { dst: '192.0.2.80', dport: 443, dstAs: 64500, weight: 40 },
    { dst: '198.51.100.20', dport: 443, dstAs: 64501, weight: 25 },
    { dst: '203.0.113.7', dport: 22, dstAs: 64502, weight: 9 },
    { dst: '198.51.100.53', dport: 53, dstAs: 64501, proto: 17, weight: 2 },
    { dst: '192.0.2.25', dport: 25, dstAs: 64500, weight: 5 },
    { dst: '203.0.113.50', dport: 8080, dstAs: 64502, weight: 3 },
  ];
  const flows = [];
  for (let minute = 55; minute >= 1; minute--) {
    for (const [n, s] of services.entries()) {
      for (let host = 1; host <= 5; host++) {
        const busy = 1 + 0.7 * Math.sin((minute + 9 * n) / 7) + 0.3 * random();
        const bytes = Math.round((s.weight * busy * 40_000) / host);
        const start = now - minute * 60_000;
        const sport = 40_000 + Math.floor(20_000 * random());
        const out = {
          src: `10.1.0.${host}`,
          sport,
          packets: Math.ceil(bytes / 900),
          bytes,
          start,
          end: start + 60_000,
          srcAs: 64496,
          in: 2,
          out: 1,
          ...s,
        };
        flows.push(out);
        const back = {
          ...out,
          src: s.dst,
          dst: out.src,
          sport: s.dport,
          dport: sport,
          bytes: bytes * 3,
          packets: out.packets,
          srcAs: s.dstAs,
          dstAs: 64496,
          in: 1,
          out: 2,
        };
        flows.push(back);
      }
    }
  }
  return flows;
}

// sums adds up what flows have, by what f says of each, the largest first.
export function sums(flows, f, of = (flow) => flow.bytes) {
  const all = new Map();
  for (const flow of flows) {
    const key = f(flow);
    all.set(key, (all.get(key) ?? 0) + of(flow));
  }
  return [...all].sort((a, b) => b[1] - a[1]);
}
