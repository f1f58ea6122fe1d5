import { defaults, fromNetwork, listenProblem, urlProblem, windowProblem } from './settings';

describe('listenProblem', () => {
  it.each([
    defaults.listen,
    ':2055',
    'udp://[::1]:2055',
    'tcp://0.0.0.0:4739',
    'udp://:2055?allow=192.0.2.0/24',
    'udp://:0,udp://:0',
  ])('takes %p', (text) => {
    expect(listenProblem(text)).toBeUndefined();
  });

  it.each([
    ['', 'at least one'],
    [' , ', 'at least one'],
    ['udp://2055', 'host:port'],
    ['2001:db8::1:2055', 'host:port'],
    ['udp://:70000', 'up to 65535'],
    ['http://127.0.0.1:2055', 'udp:// or tcp://'],
    ['dtls://:4739', "can't do dtls"],
    ['udp://:2055, :2055', 'twice'],
  ])('refuses %p', (text, why) => {
    expect(listenProblem(text)).toContain(why);
  });
});

test('fromNetwork', () => {
  expect(fromNetwork(defaults.listen)).toBe(false);
  expect(fromNetwork('udp://[::1]:2055')).toBe(false);
  expect(fromNetwork('udp://127.0.0.1:2055,udp://:4739')).toBe(true);
});

describe('urlProblem', () => {
  it.each([defaults.url, 'https://weir.example/api', 'http://[::1]:8085'])('takes %p', (text) => {
    expect(urlProblem(text)).toBeUndefined();
  });
  it.each(['127.0.0.1:8085', 'ftp://x', 'http://', 'http://a:b@c', 'http://x/?q=1'])('refuses %p', (text) => {
    expect(urlProblem(text)).toBeDefined();
  });
});

test('windowProblem', () => {
  expect(windowProblem(64)).toBeUndefined();
  for (const size of [3, 65537, 4.5, NaN]) {
    expect(windowProblem(size)).toBeDefined();
  }
});
