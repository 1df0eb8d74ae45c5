import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { systemClock } from '@spate/runtime/clock'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { featureNames, type FeatureRows } from '../domain/features/feature-vector.ts'
import { tokenNames } from '../domain/features/token.ts'
import { startTestProgram } from '../testing/program.ts'
import { TfServingRestRanker } from './tf-serving-rest.ts'

/** Answers as the REST API of TensorFlow Serving does; `way` bends them. */
let way: 'right' | 'nonsense' | 'error' | 'hangs' = 'right'
const paths: string[] = []
let server: Server
let url: string

const tensor = (dtype: string, width: string): object => ({
  dtype,
  tensor_shape: { dim: [{ size: '-1' }, { size: width }], unknown_rank: false },
})
const metadata = {
  metadata: {
    signature_def: {
      signature_def: {
        serving_default: {
          inputs: {
            numbers: tensor('DT_FLOAT', String(featureNames.length)),
            tokens: tensor('DT_INT64', String(tokenNames.length)),
          },
          outputs: { scores: tensor('DT_FLOAT', '1') },
        },
      },
    },
  },
}

async function answer(request: IncomingMessage): Promise<[number, unknown]> {
  const path = request.url ?? ''
  paths.push(path)
  if (path.endsWith('/metadata')) return [200, metadata]
  if (!path.endsWith(':predict'))
    return [200, { model_version_status: [{ version: '4', state: 'AVAILABLE' }] }]
  let text = ''
  for await (const chunk of request) text += String(chunk)
  const { inputs } = JSON.parse(text) as { inputs: { tokens: number[][] } }
  if (way === 'hangs') await new Promise(() => {})
  if (way === 'error') return [400, { error: 'no' }]
  if (way === 'nonsense') return [200, { outputs: inputs.tokens.map(() => ['much']) }]
  return [200, { outputs: inputs.tokens.map((row) => [row[1]]) }]
}

before(async () => {
  server = createServer((request, response) => {
    void answer(request).then(([status, body]) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(() => {
  server.closeAllConnections()
  server.close()
})

const rows: FeatureRows = {
  rows: 3,
  numbers: new Float32Array(3 * featureNames.length),
  tokens: Uint32Array.from({ length: 3 * tokenNames.length }, (_, at) => at),
}

test('the REST API: metadata, predict by label, versions; what is no number is refused later', async () => {
  way = 'right'
  const ranker = new TfServingRestRanker({
    address: url,
    model: 'ranker',
    label: 'stable',
    clock: systemClock,
    telemetry: noTelemetry,
  })
  const call = { timeoutMs: 2000, signal: new AbortController().signal, context: ROOT_CONTEXT }
  await ranker.open(call)
  assert.deepEqual([...(await ranker.score(rows, call))], [1, 8, 15])
  assert.ok(paths.includes('/v1/models/ranker/labels/stable:predict'))
  assert.deepEqual(await ranker.versions(call), [{ version: '4', state: 'AVAILABLE' }])
  way = 'error'
  await assert.rejects(ranker.score(rows, call), /answered 400/)
  way = 'nonsense'
  assert.ok((await ranker.score(rows, call)).every((value) => Number.isNaN(value)))
  await ranker.close()
})

test('a list is whole and in time whatever the model server does, and says what is missing', async () => {
  way = 'right'
  const program = await startTestProgram({
    flags: ['--ranker', 'tfserving', '--model-server', url],
  })
  for (let at = 0; at < 30; at++)
    await program.call('PUT', `/recommend/items/i${at}`, { title: `T ${at}` })
  const ask = async (): Promise<{ ms: number; degraded: readonly string[]; items: number }> => {
    const startMs = performance.now()
    const { status, body } = await program.call('POST', '/recommend', { userId: 'u' })
    assert.equal(status, 200)
    const ms = performance.now() - startMs
    return { ms, degraded: body.degraded ?? [], items: body.items.length }
  }
  assert.deepEqual((await ask()).degraded, [])
  for (const bent of ['nonsense', 'error', 'hangs'] as const) {
    way = bent
    for (let turn = 0; turn < 3; turn++) {
      const { degraded, items } = await ask()
      assert.deepEqual(degraded, ['ranker'], bent)
      assert.equal(items, 20)
    }
  }
  const models = await program.call('GET', '/recommend/models')
  const { outside } = models.body as unknown as {
    outside: { breaker: string; failures: number; versions: readonly object[] }
  }
  assert.equal(outside.breaker, 'open')
  assert.equal(outside.failures, 5, 'five failures, then it was spared')
  assert.deepEqual(outside.versions, [{ version: '4', state: 'AVAILABLE' }])
  await program.stop()
})
