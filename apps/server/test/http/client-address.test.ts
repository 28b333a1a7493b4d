import { describe, expect, test } from 'vitest';
import { clientAddress, trustOf } from '../../src/http/client-address.ts';
import { networkOf } from '../../src/realtime/failed-auth-limiter.ts';

describe('a forwarded address is used only with `TRUST_PROXY`', () => {
  test.each([
    ['nobody is trusted', 0, '10.0.0.1', '192.0.2.7', '10.0.0.1'],
    ['without the header', 1, '10.0.0.1', undefined, '10.0.0.1'],
    ['one proxy', 1, '10.0.0.1', '192.0.2.7', '192.0.2.7'],
    ['one proxy, and what the client made up', 1, '10.0.0.1', '1.1.1.1, 192.0.2.7', '192.0.2.7'],
    ['two proxies', 2, '10.0.0.1', '1.1.1.1, 192.0.2.7, 10.0.0.2', '192.0.2.7'],
    ['two proxies, and one in fact', 2, '10.0.0.1', '192.0.2.7', '192.0.2.7'],
    ['a listed subnet', ['10.0.0.0/8'], '10.0.0.1', '1.1.1.1, 192.0.2.7, 10.9.9.9', '192.0.2.7'],
    ['a peer outside of it', ['10.0.0.0/8'], '192.0.2.9', '1.1.1.1', '192.0.2.9'],
    ['a listed address', ['::1', '10.0.0.1'], '::1', '192.0.2.7, 10.0.0.1', '192.0.2.7'],
    ['a listed IPv6 subnet', ['2001:db8::/32'], '2001:db8::1', '2001:dead::1', '2001:dead::1'],
    ['an IPv4 peer of a dual-stack listener', ['10.0.0.0/8'], '::ffff:10.0.0.1', '::ffff:192.0.2.7', '192.0.2.7'],
    ['with ports, as some proxies write them', 2, '10.0.0.1', '192.0.2.7:4711, [2001:db8::1]:80', '192.0.2.7'],
    ['nonsense is no address', 2, '10.0.0.1', 'evil\\n, 192.0.2.7', '192.0.2.7'],
    ['nothing but nonsense', 1, '10.0.0.1', 'unknown', '10.0.0.1'],
  ] as const)('%s', (_, proxies, remote, forwarded, expected) => {
    const trust = trustOf(typeof proxies === 'number' ? proxies : [...proxies]);
    expect(clientAddress(remote, forwarded, trust)).toBe(expected);
  });
});

describe('the network that failures are counted by', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::9', '2001:db8:1:2'],
    ['2001:db8::9', '2001:db8:0:0'],
    ['2001:0DB8::9', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1:2:3:4', 'fe80:0:0:0'],
  ])('of %s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
