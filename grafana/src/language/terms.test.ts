import { andWhere, hasTerm, joinWhere, operatorsFor, splitWhere, Term, withoutTerm, writeTerm } from './terms';
import { fields, language } from './testing';

describe('terms', () => {
  it.each(language.terms)('$where', ({ term, where }) => {
    expect(writeTerm(term)).toBe(where);
    expect(splitWhere(where, fields)).toEqual({ terms: [term], rest: '' });
  });

  it('holds the operators that a field has', () => {
    expect(operatorsFor(fields.named('src ip'))).toEqual(['=', '!=', 'in', 'not in', 'exists', 'not exists']);
    expect(operatorsFor(fields.named('bps'))).not.toContain('exists');
    expect(operatorsFor(fields.named('app_name'))).toContain('~');
    expect(operatorsFor(fields.named('flags'))[0]).toBe('has');
  });

  it('leaves variables as they are', () => {
    const term: Term = { field: 'src ip', operator: 'in', values: ['$host'] };
    expect(writeTerm(term)).toBe('$__in(src ip, $host)');
    expect(splitWhere('$__in(src ip, $host)', fields).terms).toEqual([term]);
    expect(writeTerm({ field: 'src ip', operator: '=', values: ['${host}'] })).toBe('src ip = ${host}');
    expect(writeTerm({ field: 'app_name', operator: '=', values: ['a $x'] })).toBe('app_name = "a $x"');
  });
});

describe('splitWhere', () => {
  it('takes a conjunction apart', () => {
    expect(
      splitWhere('src net 10/8 and dst port in [80, 443] && (a = 1 or proto tcp) and not flags SA', fields)
    ).toEqual({
      terms: [
        { field: 'src net', operator: '=', values: ['10/8'] },
        { field: 'dst port', operator: 'in', values: ['80', '443'] },
      ],
      rest: '(a = 1 or proto tcp) and not flags SA',
    });
  });

  it.each([
    'proto tcp or proto udp',
    'src and dst port 53',
    'src or dst port 53',
    'proto tcp # and port 53',
    'proto tcp and',
    'app_name "open',
    ') and proto tcp',
    'proto tcp and port [',
  ])('leaves %p whole', (where) => {
    expect(splitWhere(where, fields)).toEqual({ terms: [], rest: where });
  });

  it('undoes what joinWhere does', () => {
    const term: Term = { field: 'proto', operator: '=', values: ['tcp'] };
    const joined = joinWhere({
      terms: [term, { field: 'src ip', operator: '=', values: [] }],
      rest: 'port 53 or port 123',
    });
    expect(joined).toBe('proto = tcp and (port 53 or port 123)');
    expect(splitWhere(joined, fields)).toEqual({ terms: [term], rest: 'port 53 or port 123' });
    expect(splitWhere('(port 1) or (port 2)', fields).rest).toBe('(port 1) or (port 2)');
  });

  it('keeps a comment from hiding what comes behind it', () => {
    expect(andWhere('port 53 # dns', 'proto udp')).toBe('(port 53 # dns\n) and proto udp');
  });
});

describe('andWhere, hasTerm, withoutTerm', () => {
  it('puts brackets where they belong', () => {
    expect(andWhere('', 'port 53')).toBe('port 53');
    expect(andWhere('proto tcp', 'port 53')).toBe('proto tcp and port 53');
    expect(andWhere('proto tcp or proto udp', 'port 53')).toBe('(proto tcp or proto udp) and port 53');
  });

  it('finds and drops a condition however it is spaced', () => {
    const where = 'proto = tcp and dst_port=443';
    expect(hasTerm(where, 'dst_port = 443')).toBe(true);
    expect(hasTerm(where, 'dst_port = 44')).toBe(false);
    expect(hasTerm('dst_port = 443 or any', 'dst_port = 443')).toBe(false);
    expect(withoutTerm(where, 'dst_port = 443')).toBe('proto = tcp');
    expect(withoutTerm('any or any', 'any')).toBe('any or any');
  });
});
