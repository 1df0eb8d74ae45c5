import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '@spate/runtime/fault'
import { plain, startOrigin } from '../test-edge.ts'
import { AddressGuard, type Lookup } from './address-guard.ts'
import { httpOrigin } from './http-origin.ts'

const limits = {
  connectionsMax: 2,
  connectMs: 1000,
  headMs: 1000,
  bodyMs: 1000,
  headerBytesMax: 16_384,
}

test('names may lead to public addresses only, save where the operator opens a network', () => {
  const guard = new AddressGuard([])
  const closed =
    '127.0.0.1 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 0.0.0.0 100.64.0.1 198.18.0.1 224.0.0.1 255.255.255.255 ::1 ' +
    ':: fe80::1 fd00:ec2::254 ::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::a00:1 2002:7f00:1:: ff02::1'
  for (const address of closed.split(' '))
    assert.equal(guard.permits('shop.test', address), false, address)
  for (const address of ['93.184.216.34', '172.32.0.1', '100.128.0.1', '2606:4700::1', '11.0.0.1'])
    assert.equal(guard.permits('shop.test', address), true, address)
  assert.equal(guard.permits('localhost', '127.0.0.1'), true)
  assert.equal(guard.permits('localhost', '10.0.0.1'), false, 'localhost is loopback, nothing else')
  assert.equal(guard.permits('notlocalhost', '127.0.0.1'), false)
  const open = new AddressGuard(['private', '100.64.0.0/10'])
  assert.equal(open.permits('shop.test', '10.1.2.3'), true)
  assert.equal(open.permits('shop.test', '::ffff:10.1.2.3'), true)
  assert.equal(open.permits('shop.test', '100.64.0.1'), true)
  assert.equal(open.permits('shop.test', '169.254.169.254'), false)
})

async function ask(url: string, lookup: Lookup, allowed: readonly string[] = []): Promise<string> {
  const origin = httpOrigin(url, limits, new AddressGuard(allowed, lookup))
  const said = await new Promise<string>((resolve) => {
    origin.send(
      { method: 'GET', target: '/', host: 'shop.test', headers: [], retry: false },
      {
        interim: () => {},
        head: (status) => resolve(String(status)),
        data: () => {},
        end: () => {},
        fail: (fault: Fault) => resolve(`${fault.code}: ${fault.message}`),
      },
    )
  })
  await origin.close()
  return said
}

test('a name that is pointed at our own network after it was good is refused when it is connected to', async () => {
  const inside = await startOrigin(plain('secret'))
  const { port } = new URL(inside.url)
  const answers = [['127.0.0.1'], ['127.0.0.1', '169.254.169.254']]
  let turn = 0
  const rebinding: Lookup = (_, __, callback) =>
    callback(
      null,
      (answers[turn++] ?? []).map((address) => ({ address, family: 4 })),
    )
  assert.match(await ask(`http://shop.test:${port}`, rebinding), /bad_gateway: .*closed network/)
  assert.match(await ask(`http://shop.test:${port}`, rebinding), /originNetworks opens networks/)
  assert.match(await ask(`http://shop.test:${port}`, rebinding), /nowhere/)
  assert.equal(inside.requests.length, 0)
  turn = 0
  assert.equal(await ask(`http://shop.test:${port}`, rebinding, ['loopback']), '200')
  turn = 1
  // A mixed answer: what is closed is left out, what is open is used.
  assert.equal(await ask(`http://shop.test:${port}`, rebinding, ['loopback']), '200')
  await inside.stop()
})

test('an address that is written out, and localhost, are the word of the operator', async () => {
  const inside = await startOrigin(plain('page'))
  const { port } = new URL(inside.url)
  const never: Lookup = () => assert.fail('an address needs no resolver')
  assert.equal(await ask(`http://127.0.0.1:${port}`, never), '200')
  const loopback: Lookup = (_, __, callback) =>
    callback(null, [{ address: '127.0.0.1', family: 4 }])
  assert.equal(await ask(`http://localhost:${port}`, loopback), '200')
  await inside.stop()
})

test('a redirect of the origin is an answer; nobody follows it', async () => {
  const target = await startOrigin(plain('secret'))
  const redirecting = await startOrigin(
    plain('', { location: `${target.url}/latest/meta-data` }, 302),
  )
  const { port } = new URL(redirecting.url)
  assert.equal(await ask(`http://127.0.0.1:${port}`, () => {}), '302')
  assert.equal(target.requests.length, 0)
  await target.stop()
  await redirecting.stop()
})
