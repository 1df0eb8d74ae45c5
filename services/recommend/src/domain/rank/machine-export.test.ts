import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { OnnxRanker } from '../../rank/onnx-ranker.ts'
import { featureNames, type FeatureRows } from '../features/feature-vector.ts'
import { tokenNames } from '../features/token.ts'
import { exportOnnx } from './machine-export.ts'
import { OnlineRanker } from './online-ranker.ts'

const runtimeFolder = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'spate',
  'onnxruntime',
)
const needed = {
  skip:
    existsSync(join(runtimeFolder, 'node_modules', 'onnxruntime-node')) ||
    process.env['SPATE_REQUIRE_SERVICES'] === '1'
      ? false
      : 'onnxruntime-node is not installed; `npm run services` brings it',
}

const chance = new SeededChance(11)

function rows(count: number): FeatureRows {
  return {
    rows: count,
    numbers: Float32Array.from(
      { length: count * featureNames.length },
      () => chance.float() * 40 - 8,
    ),
    tokens: Uint32Array.from({ length: count * tokenNames.length }, () =>
      chance.float() < 0.3 ? 0 : chance.uint32(),
    ),
  }
}

function taught(): OnlineRanker {
  const ranker = new OnlineRanker()
  for (let turn = 0; turn < 200; turn++)
    ranker.teach(
      rows(10),
      Array.from({ length: 10 }, () => chance.integer(0, 3)),
    )
  return ranker
}

test('the exported model gives the scores of the machines, in onnxruntime', needed, async () => {
  const ranker = taught()
  assert.equal(ranker.speakers().length, 3)
  const file = join(mkdtempSync(join(tmpdir(), 'spate-onnx-')), 'ranker.onnx')
  writeFileSync(file, exportOnnx(ranker.speakers()))
  const onnx = new OnnxRanker({ file, runtimeFolder })
  await onnx.open()
  for (const count of [1, 2, 200]) {
    const given = rows(count)
    const wanted = ranker.logWorth(given)
    const got = await onnx.score(given)
    assert.equal(got.length, count)
    got.forEach((value, at) =>
      assert.ok(Math.abs(value - (wanted[at] as number)) < 1e-4, `${value}, ${wanted[at]}`),
    )
  }
  await onnx.close()
})

test('without the optional peer the refusal says what to install', async () => {
  const onnx = new OnnxRanker({ file: 'x.onnx', runtimeFolder: tmpdir() })
  await assert.rejects(onnx.open(), /npm install onnxruntime-node/)
})
