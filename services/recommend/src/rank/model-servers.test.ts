import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { loadService } from '@spate/http/grpc-proto'
import { systemClock } from '@spate/runtime/clock'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { featureNames, type FeatureRows } from '../domain/features/feature-vector.ts'
import { tokenNames } from '../domain/features/token.ts'
import { KserveRanker } from './kserve.ts'
import { ownNames } from './model-inputs.ts'
import type { RankCall } from './ranker.ts'
import { predictRequest, TfServingRanker, tfServingProto } from './tf-serving.ts'

/** Written by the generated stubs: `model_server.py STUBS golden`. */
const golden =
  '0a1d0a0672616e6b6572120208071a0f73657276696e675f64656661756c7412ab020a076e756d62657273129f02080112081202080212020822229002000000000000803e0000003f0000403f0000803f0000a03f0000c03f0000e03f0000004000001040000020400000304000004040000050400000604000007040000080400000884000009040000098400000a0400000a8400000b0400000b8400000c0400000c8400000d0400000d8400000e0400000e8400000f0400000f84000000041000004410000084100000c4100001041000014410000184100001c4100002041000024410000284100002c4100003041000034410000384100003c4100004041000044410000484100004c4100005041000054410000584100005c4100006041000064410000684100006c4100007041000074410000784100007c41000080410000824100008441000086411288010a06746f6b656e73127e0809120812020802120208072270000000000000000000a3e111000000000046c3230000000000e9a43500000000008c864700000000002f68590000000000d2496b0000000000752b7d0000000000180d8f0000000000bbeea000000000005ed0b2000000000001b2c40000000000a493d600000000004775e8000000001a0673636f726573'

const stubs = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'spate',
  'model-server-stubs',
)
const script = fileURLToPath(new URL('./testing/model_server.py', import.meta.url))
const needed = {
  skip:
    existsSync(stubs) || process.env['SPATE_REQUIRE_SERVICES'] === '1'
      ? false
      : 'the Python stubs are not installed; `npm run services` brings them',
}

const call = (): RankCall => ({
  timeoutMs: 5000,
  signal: new AbortController().signal,
  context: ROOT_CONTEXT,
})

function rows(count: number): FeatureRows {
  return {
    rows: count,
    numbers: Float32Array.from({ length: count * featureNames.length }, (_, at) => at / 4),
    tokens: Uint32Array.from({ length: count * tokenNames.length }, (_, at) => at * 300_000_000),
  }
}

/** What model_server.py says it computes. */
function expected(version: number, given: FeatureRows): number[] {
  return Array.from({ length: given.rows }, (_, row) => {
    let sum = 0
    for (let j = 0; j < featureNames.length; j++)
      sum += (given.numbers[row * featureNames.length + j] as number) * (j + 1)
    return (version * sum) / 100 + ((given.tokens[row * tokenNames.length + 1] as number) % 97)
  })
}

function close(got: Float64Array, wanted: readonly number[]): void {
  assert.equal(got.length, wanted.length)
  wanted.forEach((value, at) =>
    assert.ok(Math.abs((got[at] ?? NaN) - value) < 1e-3 * (1 + value), `${got[at]}, ${value}`),
  )
}

test('a PredictRequest has the bytes the generated stubs write', async () => {
  const { definition } = await loadService(tfServingProto, 'tensorflow.serving.PredictionService')
  const spec = { name: 'ranker', signatureName: 'serving_default', version: { value: 7 } }
  const request = predictRequest(spec, rows(2), ownNames)
  assert.equal(definition['Predict']?.requestSerialize(request).toString('hex'), golden)
})

test('the golden bytes are what the stubs write today', needed, () => {
  const run = spawnSync('python3', [script, stubs, 'golden'], { encoding: 'utf8' })
  assert.equal(run.stdout.trim(), golden, run.stderr)
})

let server: ChildProcess | undefined
let lines: Interface | undefined
after(() => {
  lines?.close()
  server?.stdin?.end('stop\n')
})

const nextLine = (): Promise<string> => new Promise((resolve) => lines?.once('line', resolve))

async function serverAddress(): Promise<string> {
  server = spawn('python3', [script, stubs], { stdio: ['pipe', 'pipe', 'inherit'] })
  lines = createInterface({ input: server.stdout as NodeJS.ReadableStream })
  const { port } = JSON.parse(await nextLine()) as { port: number }
  return `127.0.0.1:${port}`
}

test(
  'a server on the stubs of TensorFlow Serving and KServe is called as it is',
  needed,
  async (t) => {
    const address = await serverAddress()
    const options = { address, model: 'ranker', clock: systemClock, telemetry: noTelemetry }
    const given = rows(20)
    const newest = new TfServingRanker(options)
    const stable = new TfServingRanker({ ...options, label: 'stable' })
    const fixed = new TfServingRanker({ ...options, version: 1 })
    const kserve = new KserveRanker(options)
    const all = [newest, stable, fixed, kserve]
    t.after(() => Promise.all(all.map((ranker) => ranker.close())))
    for (const ranker of all) await ranker.open(call())
    close(await newest.score(given, call()), expected(2, given))
    close(await stable.score(given, call()), expected(1, given))
    close(await fixed.score(given, call()), expected(1, given))
    close(await kserve.score(given, call()), expected(2, given))
    assert.deepEqual(await newest.versions(call()), [
      { version: '1', state: 'AVAILABLE' },
      { version: '2', state: 'AVAILABLE' },
    ])
    assert.deepEqual(await kserve.versions(call()), await newest.versions(call()))
    // The server loads version 3 and lets go of 1: the newest answers at once, the fixed one no more.
    const done = nextLine()
    server?.stdin?.write('versions 2,3\n')
    await done
    close(await newest.score(given, call()), expected(3, given))
    await assert.rejects(fixed.score(given, call()), /no such version/)
    await assert.rejects(new TfServingRanker({ ...options, model: 'other' }).open(call()))
  },
)
