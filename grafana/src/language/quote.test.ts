import { quote, quoteAll } from './quote';

describe('quote', () => {
  it.each([
    ['443', '443'],
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['2001:db8::/32', '2001:db8::/32'],
    ['80-90', '80-90'],
    ['müller', 'müller'],
    ['', '""'],
    ['Gi0/1 uplink', '"Gi0/1 uplink"'],
    ['say "hi"', `'say "hi"'`],
    ["it's", `"it's"`],
    ['a#b', '"a#b"'],
    ['and', '"and"'],
    ['IN', '"IN"'],
    ['exists', '"exists"'],
    ['x or any', '"x or any"'],
    ['a) or (any', '"a) or (any"'],
    ['<b>', '"<b>"'],
  ])('writes %p as %p', (value, want) => {
    expect(quote(value)).toBe(want);
  });

  it('refuses what can’t be written', () => {
    expect(() => quote(`a"b'c`)).toThrow('both kinds of quotes');
  });
});

describe('quoteAll', () => {
  it('writes one value alone, several as a list', () => {
    expect(quoteAll(['tcp'])).toBe('tcp');
    expect(quoteAll(['tcp', 'a b'])).toBe('[tcp "a b"]');
  });
});
