import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '@spate/runtime/fault'
import { clientKey, createClientAddress, forwardedHopsMax } from './client-address.ts'
import { HeaderList } from './header-list.ts'

const xff = (...lines: string[]): HeaderList =>
  new HeaderList(lines.flatMap((line) => ['X-Forwarded-For', line]))
const forwarded = (line: string): HeaderList => new HeaderList(['forwarded', line])

test('a client that is not a trusted proxy cannot say who it is', () => {
  const find = createClientAddress(['loopback'])
  assert.equal(find('203.0.113.9', xff('1.2.3.4')), '203.0.113.9')
  assert.equal(find('203.0.113.9', forwarded('for=1.2.3.4')), '203.0.113.9')
  assert.equal(createClientAddress([])('127.0.0.1', xff('1.2.3.4')), '127.0.0.1')
})

test('behind a trusted proxy the right-most untrusted hop is the client, whatever stands left of it', () => {
  const find = createClientAddress(['loopback', '10.0.0.0/8'])
  assert.equal(find('127.0.0.1', xff('198.51.100.7')), '198.51.100.7')
  assert.equal(find('127.0.0.1', xff('1.1.1.1, 198.51.100.7, 10.1.2.3')), '198.51.100.7')
  assert.equal(find('127.0.0.1', xff('1.1.1.1', '127.0.0.1', '198.51.100.7')), '198.51.100.7')
  assert.equal(find('127.0.0.1', xff('10.9.9.9, 10.1.2.3')), '10.9.9.9')
  assert.equal(find('::1', xff('198.51.100.7:51234')), '198.51.100.7')
  assert.equal(find('::ffff:127.0.0.1', xff('[2001:db8::5]:443')), '2001:db8::5')
  assert.equal(find('127.0.0.1', xff('::ffff:198.51.100.7')), '198.51.100.7')
})

test('an unreadable hop ends the walk at the hop before it', () => {
  const find = createClientAddress(['loopback', '10.0.0.0/8'])
  for (const bad of [
    'unknown',
    '_hidden',
    '',
    '1',
    '0x7f000001',
    '1.2.3',
    '1.2.3.4.5',
    '<script>',
    '1.2.3.4 5',
    '999.1.1.1',
  ])
    assert.equal(find('127.0.0.1', xff(`6.6.6.6, ${bad}, 10.1.2.3`)), '10.1.2.3', bad)
  assert.equal(find('127.0.0.1', xff('')), '127.0.0.1')
})

test('Forwarded is read only where it is the header of our proxies, and the other one is not', () => {
  const find = createClientAddress(['loopback'], 'forwarded')
  assert.equal(
    find('127.0.0.1', forwarded('for=192.0.2.60;proto=http;by=203.0.113.43')),
    '192.0.2.60',
  )
  assert.equal(
    find('127.0.0.1', forwarded('for=1.1.1.1, For="[2001:db8:cafe::17]:4711"')),
    '2001:db8:cafe::17',
  )
  assert.equal(find('127.0.0.1', forwarded('for="a,b;c\\",d", for=192.0.2.1')), '192.0.2.1')
  assert.equal(find('127.0.0.1', forwarded('proto=https')), '127.0.0.1')
  assert.equal(find('127.0.0.1', xff('1.2.3.4')), '127.0.0.1')
  assert.equal(
    createClientAddress(['loopback'])('127.0.0.1', forwarded('for=1.2.3.4')),
    '127.0.0.1',
  )
})

test('nothing a client prepends changes the answer', () => {
  const find = createClientAddress(['loopback'])
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())), (spoofed) => {
      assert.equal(find('127.0.0.1', xff([...spoofed, '198.51.100.7'].join(','))), '198.51.100.7')
    }),
  )
})

test('no more than the limit of hops is walked', () => {
  const find = createClientAddress(['loopback'])
  const behind = (hops: number): string =>
    find('127.0.0.1', xff(['198.51.100.7', ...Array<string>(hops).fill('127.0.0.1')].join(',')))
  assert.equal(behind(forwardedHopsMax - 1), '198.51.100.7')
  assert.equal(behind(forwardedHopsMax), '127.0.0.1')
})

test('networks: the edges of a CIDR are in, their neighbours are not', () => {
  const find = createClientAddress(['192.0.2.64/26', '2001:db8::/127'])
  const trusts = (peer: string): boolean => find(peer, xff('198.51.100.7')) === '198.51.100.7'
  assert.deepEqual(['192.0.2.63', '192.0.2.64', '192.0.2.127', '192.0.2.128'].map(trusts), [
    false,
    true,
    true,
    false,
  ])
  assert.deepEqual(['2001:db8::', '2001:db8::1', '2001:db8::2'].map(trusts), [true, true, false])
  for (const bad of [
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    'example.com',
    '::/129',
    '10.0.0.0/8x',
    '',
  ])
    assert.throws(() => createClientAddress([bad]), Fault, bad)
})

test('limits count IPv4 by address and IPv6 by /64', () => {
  assert.equal(clientKey('198.51.100.7'), '198.51.100.7')
  assert.equal(clientKey('::ffff:198.51.100.7'), '198.51.100.7')
  assert.equal(clientKey('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
  assert.equal(clientKey('2001:db8:1:2::1'), clientKey('2001:0DB8:1:2:ffff::'))
  assert.notEqual(clientKey('2001:db8:1:2::1'), clientKey('2001:db8:1:3::1'))
  assert.equal(clientKey('fe80::1%eth0'), 'fe80:0:0:0::/64')
  assert.equal(clientKey('nonsense:'), 'nonsense:')
})
