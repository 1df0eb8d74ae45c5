import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { readDataFile } from '@spate/recommend/data-set'
import { evaluate, type Evaluation } from '@spate/recommend/evaluation'
import { trainInWorker, trainingDefaults } from '@spate/recommend/training'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spate-eval-'))
})
after(() => rm(folder, { recursive: true }))

async function fileOf(name: string, bytes: string | Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, bytes)
  return path
}

async function evaluated(train: string, test: string): Promise<Evaluation> {
  return evaluate({
    train: await readDataFile(train),
    test: await readDataFile(test),
    ks: [2, 10],
    excludeSeen: false,
    task: 'auto',
    training: trainingDefaults,
    trainer: (interactions, options) => trainInWorker(interactions, options),
    elapsed: () => 0,
  })
}

const odd = [
  '\ufeffTimestamp,ITEM,Rating,User',
  '1,"a,1",5,"u ""x"""',
  '2,b,-1,u1',
  '3,c,0,u1',
  '4,d,much,u1',
  ',e,5,u1',
  '5,,5,u1',
  '6,f,5',
  '7,"g"x,5,u1',
  '8,物品,5,用户',
  '9,h,5,u1',
  'nope,h,5,u1',
].join('\r\n')

test('a packed file with a mark, CRLF, quotes and another order of columns: what is bad is named by line, the rest taken', async () => {
  const { rows, skipped, skippedLines } = await readDataFile(
    await fileOf('odd.csv.gz', gzipSync(odd)),
  )
  assert.deepEqual(
    rows.map(({ user, item, timeMs }) => [user, item, timeMs]),
    [
      ['u "x"', 'a,1', 1000],
      ['用户', '物品', 8000],
      ['u1', 'h', 9000],
    ],
  )
  assert.equal(skipped, 8)
  assert.deepEqual(
    skippedLines.map(({ line }) => line),
    [3, 4, 5, 6, 7, 8, 9, 12],
  )
  assert.match(skippedLines[0]?.why ?? '', /weight .*-1.* is not above 0/)
  assert.match(skippedLines[5]?.why ?? '', /3 fields, expected 4/)
})

test('people and items that TRAIN does not know are counted as missed, and every figure is there', async () => {
  const train = await fileOf('train.csv', 'user,item\na,x\na,y\nb,x\n')
  const mixed = await evaluated(
    train,
    await fileOf('mixed.csv', 'user,item\nb,y\nb,nowhere\nnew,x\n'),
  )
  assert.deepEqual([mixed.users, mixed.coldUsers, mixed.items], [1, 1, 2])
  // y is among the two there are, nowhere can never be: one of two, and in one of two places.
  assert.equal(mixed.metrics['recall@2']?.value, 0.5)
  assert.equal(mixed.metricsAllUsers['hr@2']?.value, 1)
  const strangers = await evaluated(train, await fileOf('new.csv', 'user,item\nnew,x\n'))
  assert.deepEqual([strangers.users, strangers.coldUsers], [1, 1])
  assert.equal(strangers.metrics['hr@10']?.value, 1)
  for (const { low, high } of Object.values(mixed.metrics)) assert.ok(low >= 0 && high <= 1)
})

test('a file without a line to learn from, or to find, is refused by its side', async () => {
  const train = await fileOf('some.csv', 'user,item\na,x\n')
  const none = await fileOf('none.csv', 'user,item\n')
  await assert.rejects(evaluated(none, train), /TRAIN has no line/)
  await assert.rejects(evaluated(train, none), /TEST has no line/)
  await assert.rejects(readDataFile(await fileOf('other.csv', 'a,b\n1,2\n')), /it has "?a"?, "?b"?/)
})
