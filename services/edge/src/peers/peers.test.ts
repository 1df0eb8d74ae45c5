import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import fc from 'fast-check'
import { Agent, request as send } from 'undici'
import {
  plain,
  startOrigin,
  startTestEdgeBefore,
  type OriginAnswer,
  type TestEdge,
  type TestOrigin,
} from '../test-edge.ts'
import { rendezvousWeight } from '../origins/rendezvous.ts'
import { peerMark, verifiedHops } from './peer-mark.ts'

const host = 'cluster.example'
const cached = { 'cache-control': 'max-age=600', 'cache-tag': 'k', etag: '"1"' }

interface Cluster {
  readonly origin: TestOrigin
  readonly nodes: readonly TestEdge[]
  get(
    node: number,
    path: string,
    headers?: Record<string, string>,
  ): Promise<{ status: number; told: string; body: string; headers: Record<string, string> }>
  purge(
    node: number,
    order: object,
  ): Promise<{ purged: number; peers: { acknowledged: string[]; unreached: string[] } }>
  /** Number of the node that owns `path`. */
  ownerOf(path: string): Promise<number>
  stop(): Promise<void>
}

async function admin(
  node: TestEdge,
  method: 'GET' | 'PUT' | 'POST',
  path: string,
  body?: object,
): Promise<unknown> {
  const answer = await send(`${node.adminUrl}${path}`, {
    method,
    headers: { ...node.adminHeaders, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  return answer.body.json()
}

async function startCluster(answer: OriginAnswer, size = 3): Promise<Cluster> {
  const origin = await startOrigin(answer)
  const nodes = await Promise.all(Array.from({ length: size }, () => startTestEdgeBefore(origin)))
  const peers = nodes.map(({ url, adminUrl }) => ({ url, admin: adminUrl }))
  for (const node of nodes) await admin(node, 'PUT', '/peers', { peers })
  return {
    origin,
    nodes,
    get: async (node, path, headers = {}) => {
      const seen = await (nodes[node] as TestEdge).get(path, { host, ...headers })
      return { ...seen, told: seen.headers['cache-status'] ?? '' }
    },
    purge: (node, order) => admin(nodes[node] as TestEdge, 'POST', '/purge', order) as never,
    ownerOf: async (path) => {
      const url = encodeURIComponent(`http://${host}${path}`)
      const told = (await admin(nodes[0] as TestEdge, 'GET', `/explain?url=${url}`)) as {
        nodes: string[]
      }
      return nodes.findIndex((node) => node.url === told.nodes[0])
    },
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stopEdge()))
      await origin.stop()
    },
  }
}

/** A path that node `number` owns. */
async function pathOf(cluster: Cluster, number: number, prefix = '/p'): Promise<string> {
  for (let at = 0; ; at++)
    if ((await cluster.ownerOf(`${prefix}${at}`)) === number) return `${prefix}${at}`
}

test('1000 concurrent requests for one cold object over three nodes are one request to the origin', async () => {
  const cluster = await startCluster((request, response) => {
    setTimeout(() => plain('one for all', cached)(request, response), 300)
  })
  const dispatcher = new Agent({ connections: 350 })
  const answers = await Promise.all(
    Array.from({ length: 1000 }, async (_, at) => {
      const { body, statusCode } = await send(`${cluster.nodes[at % 3]?.url}/cold`, {
        headers: { host },
        dispatcher,
      })
      return `${statusCode} ${await body.text()}`
    }),
  )
  assert.deepEqual([...new Set(answers)], ['200 one for all'])
  assert.equal(cluster.origin.requests.length, 1)
  const owner = await cluster.ownerOf('/cold')
  const other = await cluster.get((owner + 1) % 3, '/cold')
  assert.match(
    other.told,
    /^spate; fwd=uri-miss.*, spate; hit;/,
    'one member of Cache-Status a hop',
  )
  assert.equal(other.headers['cache-tag'], undefined, 'clients do not see what is for caches')
  await dispatcher.destroy()
  await cluster.stop()
})

test('of three nodes each owns a third of the keys, whatever their addresses', () => {
  const names = ['a', 'b', 'c'].map((name) => `http://${name}:${name.charCodeAt(0) * 300}`)
  const owned = [0, 0, 0]
  const keys = 20_000
  for (let at = 0; at < keys; at++) {
    const weights = names.map((name) => rendezvousWeight(name, `${host}/k${at}`))
    owned[weights.indexOf(Math.max(...weights))]!++
  }
  for (const count of owned) assert.ok(Math.abs(count / keys - 1 / 3) < 0.05, owned.join(' '))
})

test('a node that is killed is done without, and only its keys move', async () => {
  const cluster = await startCluster(plain('still here', cached))
  const path = await pathOf(cluster, 1)
  await cluster.nodes[1]?.stopEdge()
  const seen = await cluster.get(0, path)
  assert.equal(seen.body, 'still here')
  assert.equal((await cluster.get(2, path)).body, 'still here')
  assert.ok(cluster.origin.requests.length <= 2)
  const { peers } = (await admin(cluster.nodes[0] as TestEdge, 'GET', '/peers')) as {
    peers: { url: string; state: string }[]
  }
  assert.equal(peers.length, 2)
  // What explain says before and after: the keys of that node had to move, no other did.
  const keys = 60
  const owners: number[] = []
  for (let at = 0; at < keys; at++) owners.push(await cluster.ownerOf(`/k${at}`))
  const left = cluster.nodes
    .filter((_, at) => at !== 1)
    .map(({ url, adminUrl }) => ({ url, admin: adminUrl }))
  await admin(cluster.nodes[0] as TestEdge, 'PUT', '/peers', { peers: left })
  let moved = 0
  for (let at = 0; at < keys; at++) {
    const owner = await cluster.ownerOf(`/k${at}`)
    if (owner === owners[at]) continue
    moved++
    assert.equal(owners[at], 1, 'only keys of the node that left move')
  }
  assert.equal(moved, owners.filter((owner) => owner === 1).length, 'and all of them')
  await cluster.stop()
})

test('an owner whose answer breaks off leaves nothing half stored', async () => {
  let die = (): void => {}
  const cluster = await startCluster((_, response) => {
    response.writeHead(200, { ...cached, 'content-length': '10' })
    response.write('half')
    die = () => response.destroy()
  })
  const path = await pathOf(cluster, 1)
  const answer = await send(`${cluster.nodes[0]?.url}${path}`, { headers: { host } })
  die()
  await assert.rejects(answer.body.text())
  cluster.origin.answer = plain('whole', cached)
  assert.equal((await cluster.get(0, path)).body, 'whole')
  await cluster.stop()
})

for (const [name, order] of Object.entries({
  tag: { tags: ['k'] },
  url: { urls: [`http://${host}/a`] },
  prefix: { prefixes: [`http://${host}/`] },
  host: { hosts: [host] },
  everything: { all: true },
}))
  test(`a purge by ${name} at one node holds on all of them`, async () => {
    const cluster = await startCluster(plain('old', { ...cached, vary: 'accept-encoding' }))
    for (let node = 0; node < 3; node++)
      for (const coding of ['gzip', 'br'])
        await cluster.get(node, '/a', { 'accept-encoding': coding })
    cluster.origin.answer = plain('new', cached)
    const { purged, peers } = await cluster.purge(0, order)
    assert.equal(purged, 6, 'every variant on every node')
    assert.equal(peers.acknowledged.length, 2)
    assert.deepEqual(peers.unreached, [])
    for (let node = 0; node < 3; node++) assert.equal((await cluster.get(node, '/a')).body, 'new')
    await cluster.stop()
  })

test('a soft purge softens everywhere', async () => {
  const cluster = await startCluster(plain('old', cached))
  for (let node = 0; node < 3; node++) await cluster.get(node, '/a')
  assert.equal((await cluster.purge(2, { tags: ['k'], soft: true })).purged, 3)
  const seen = await cluster.get(0, '/a')
  assert.match(seen.told, /detail=stale-while-revalidate/)
  await cluster.stop()
})

test('a node that is down is named, is not asked while it has not heard, and is told when it is back', async () => {
  const cluster = await startCluster(plain('old', cached))
  const path = await pathOf(cluster, 1)
  for (let node = 0; node < 3; node++) await cluster.get(node, path)
  // Its admin port does not answer, its traffic port does: the worst of both.
  const heard = await startOrigin(plain('no', {}, 503))
  const [first, second, third] = cluster.nodes as [TestEdge, TestEdge, TestEdge]
  const lame = [first, third].map(({ url, adminUrl }) => ({ url, admin: adminUrl }))
  await admin(first, 'PUT', '/peers', {
    peers: [...lame, { url: second.url, admin: heard.url }],
  })
  cluster.origin.answer = plain('new', cached)
  const { peers } = await cluster.purge(0, { all: true })
  assert.deepEqual(peers.unreached, [second.url])
  assert.equal(
    (await cluster.get(0, path)).body,
    'new',
    'the owner has the old one and is not asked',
  )
  const state = async (): Promise<string | undefined> => {
    const told = (await admin(first, 'GET', '/peers')) as {
      peers: { url: string; state: string }[]
    }
    return told.peers.find(({ url }) => url === second.url)?.state
  }
  assert.equal(await state(), 'owed')
  heard.answer = plain('{"purged":1}', { 'content-type': 'application/json' })
  first.clock.advance(1000)
  while ((await state()) === 'owed') await pause(5)
  assert.equal(heard.requests.length, 2)
  await cluster.stop()
})

test('a mark that is not of a node is a client, and never reaches the origin', async () => {
  const cluster = await startCluster(plain('x', cached))
  const seen = await cluster.get(0, '/a', { 'spate-peer': `peer;${'0'.repeat(64)}` })
  assert.equal(seen.headers['cache-tag'], undefined)
  for (let node = 0; node < 3; node++) await cluster.get(node, '/b', { 'spate-peer': 'peer' })
  for (const { headers } of cluster.origin.requests) assert.equal(headers['spate-peer'], undefined)
  const request = { host, target: '/a' }
  const mark = peerMark('token', request, ['shield', 'peer'])
  assert.deepEqual(verifiedHops('token', request, mark), ['shield', 'peer'])
  assert.equal(verifiedHops('another', request, mark), undefined)
  assert.equal(verifiedHops('token', { host, target: '/b' }, mark), undefined)
  assert.equal(verifiedHops('token', request, undefined), undefined)
  await cluster.stop()
})

test('a shield is asked in place of the origin, and the origin where the shield is gone', async () => {
  const origin = await startOrigin(plain('deep', cached))
  const shield = await startTestEdgeBefore(origin)
  const near = await startTestEdgeBefore(origin)
  await admin(near, 'PUT', '/peers', { peers: [], shields: [shield.url] })
  // The shield names the near node as its own: the request must not go round.
  await admin(shield, 'PUT', '/peers', { peers: [], shields: [near.url] })
  assert.equal((await near.get('/a', { host })).body, 'deep')
  assert.equal(origin.requests.length, 1)
  assert.equal((await shield.get('/a', { host })).body, 'deep')
  assert.equal(origin.requests.length, 1, 'the shield has it too')
  await shield.stopEdge()
  assert.equal((await near.get('/b', { host })).body, 'deep')
  assert.equal(origin.requests.length, 2)
  await near.stop()
})

test('whatever order purges and requests come in, no node has anything older than the last purge', async () => {
  let version = 0
  const cluster = await startCluster((_, response) => {
    const body = String(version)
    setTimeout(() => {
      response.writeHead(200, cached)
      response.write(body)
      setTimeout(() => response.end(), 2)
    }, 2)
  })
  const step = fc.oneof(
    fc.record({ node: fc.nat(2), purge: fc.constant(false), waitMs: fc.nat(6) }),
    fc.record({ node: fc.nat(2), purge: fc.boolean(), waitMs: fc.nat(6) }),
  )
  let round = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), async (steps) => {
      const path = `/race${round++}`
      const running: Promise<unknown>[] = []
      for (const { node, purge, waitMs } of steps) {
        if (purge) {
          const least = ++version
          running.push(
            cluster.purge(node, { urls: [`http://${host}${path}`] }).then(async ({ peers }) => {
              assert.deepEqual(peers.unreached, [])
              for (let at = 0; at < 3; at++) {
                const { body } = await cluster.get(at, path)
                assert.ok(
                  Number(body) >= least,
                  `node ${at} has ${body} after the purge of ${least}`,
                )
              }
            }),
          )
        } else running.push(cluster.get(node, path))
        await pause(waitMs)
      }
      await Promise.all(running)
    }),
    { numRuns: Number(process.env['RACE_RUNS'] ?? 25) },
  )
  await cluster.stop()
})
