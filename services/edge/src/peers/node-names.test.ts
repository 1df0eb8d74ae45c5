import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '@spate/runtime/log'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { Statistics } from '../statistics.ts'
import { NodeNames } from './node-names.ts'
import { Peers } from './peers.ts'
import type { PeerSettings } from './settings.ts'

const settings: PeerSettings = {
  peers: [],
  peersName: undefined,
  peersResolveMs: 10_000,
  peerAdminPort: 8070,
  peerConnectMs: 500,
  nodeUrl: undefined,
  shields: [],
}

function peersOn(clock: VirtualClock): Peers {
  return new Peers({
    clock,
    log: silentLog,
    statistics: new Statistics(),
    token: 't',
    limits: { connectionsMax: 1, connectMs: 1, headMs: 1, bodyMs: 1, headerBytesMax: 1000 },
    isLocal: (hostname) => hostname === '10.0.0.1',
  })
}

const urls = (peers: Peers): string[] => peers.all.map(({ url }) => url)

test('peers behind a name are found again as they come and go, and a name that fails changes nothing', async () => {
  const clock = new VirtualClock()
  const peers = peersOn(clock)
  let addresses: readonly string[] | undefined = ['10.0.0.2', '10.0.0.1', 'fd00::3']
  const names = new NodeNames(peers, silentLog, async () => addresses ?? assert.fail('no answer'))
  await names.start({ ...settings, peersName: 'edge.internal:8080' }, 'http://0.0.0.0:8080')
  assert.equal(peers.self, 'http://10.0.0.1:8080', 'an address of this machine is this node')
  assert.deepEqual(urls(peers), ['http://10.0.0.2:8080', 'http://[fd00::3]:8080'])
  assert.equal(peers.all[0]?.admin, 'http://10.0.0.2:8070')
  const [kept] = peers.all
  addresses = ['10.0.0.2', '10.0.0.4', '10.0.0.1']
  clock.advance(10_000)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(urls(peers), ['http://10.0.0.2:8080', 'http://10.0.0.4:8080'])
  assert.equal(peers.all[0], kept, 'what is known of a node that stays is kept')
  addresses = undefined
  clock.advance(10_000)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(peers.all.length, 2)
  await peers.close()
})

test('a list names this node or not, with admin ports of their own or not', async () => {
  const peers = peersOn(new VirtualClock())
  const names = new NodeNames(peers, silentLog)
  const list = ['http://10.0.0.1:8080', 'http://10.0.0.1:9090;admin=9070', 'http://10.0.0.5:8080/']
  await names.start({ ...settings, peers: list }, 'http://127.0.0.1:8080')
  assert.equal(peers.self, 'http://10.0.0.1:8080')
  assert.deepEqual(urls(peers), ['http://10.0.0.1:9090', 'http://10.0.0.5:8080'])
  assert.equal(peers.all[0]?.admin, 'http://10.0.0.1:9070')
  names.take({ ...settings, peers: ['http://10.0.0.5:8080'], nodeUrl: 'http://edge-1:8080' })
  assert.equal(peers.self, 'http://edge-1:8080')
  assert.deepEqual(urls(peers), ['http://10.0.0.5:8080'])
  await peers.close()
})
