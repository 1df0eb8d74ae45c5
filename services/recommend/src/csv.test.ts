import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { readCsv, readCsvFile, rowCharactersMax, type CsvRow } from './csv.ts'

async function rowsOf(bytes: Uint8Array, pieceBytes = bytes.length): Promise<CsvRow[]> {
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
  }
  const rows: CsvRow[] = []
  for await (const row of readCsv(pieces())) rows.push(row)
  return rows
}
const fields = (rows: readonly CsvRow[]): unknown[] =>
  rows.map((row) => (row.kind === 'row' ? row.fields : row.kind))

const table = [
  ['user', 'item', 'note'],
  ['ann', 'café mug', '一'],
  ['bob', 'a "quoted", thing', 'x'],
]
const text = 'user,item,note\r\nann,café mug,一\r\nbob,"a ""quoted"", thing",x\r\n'
const big = (bytes: Buffer): Buffer => Buffer.from(bytes).swap16()

for (const [name, bytes] of [
  ['UTF-8', Buffer.from(text)],
  ['UTF-8 with a mark', Buffer.from(`\ufeff${text}`)],
  ['UTF-16 little endian with a mark', Buffer.from(`\ufeff${text}`, 'utf16le')],
  ['UTF-16 big endian with a mark', big(Buffer.from(`\ufeff${text}`, 'utf16le'))],
  ['UTF-16 little endian without a mark', Buffer.from(text, 'utf16le')],
  ['UTF-16 big endian without a mark', big(Buffer.from(text, 'utf16le'))],
] as const)
  for (const pieceBytes of [bytes.length, 1, 7])
    test(`${name} in pieces of ${pieceBytes} bytes`, async () => {
      assert.deepEqual(fields(await rowsOf(bytes, pieceBytes)), table)
    })

test('Latin-1 where the text cannot be UTF-8', async () => {
  const latin = Buffer.from('user,item\nann,caf\xe9\n', 'latin1')
  for (const pieceBytes of [latin.length, 1])
    assert.deepEqual(fields(await rowsOf(latin, pieceBytes)), [
      ['user', 'item'],
      ['ann', 'café'],
    ])
})

for (const separator of [',', ';', '\t', '|', '::'])
  test(`fields apart by ${JSON.stringify(separator)}; other separators are text`, async () => {
    const other = separator === ';' ? ',' : ';'
    const rows = await rowsOf(
      Buffer.from([`a${separator}b`, `1${other}x${separator}2`, ''].join('\n')),
    )
    assert.deepEqual(fields(rows), [
      ['a', 'b'],
      [`1${other}x`, '2'],
    ])
  })

test('a broken row is named with its line, and the rows around it are read', async () => {
  const lines = [
    'a,b',
    '1,2',
    'one',
    '1,2,3',
    '"x"y,2',
    '"two\nlines",2',
    '',
    'last,row',
    '"open,2',
    'after,it',
  ]
  const rows = await rowsOf(Buffer.from(lines.join('\n')))
  assert.deepEqual(
    rows.map(({ kind, line }) => [kind, line]),
    [
      ['row', 1],
      ['row', 2],
      ['broken', 3],
      ['broken', 4],
      ['broken', 5],
      ['row', 6],
      ['row', 9],
      ['broken', 10],
    ],
  )
})

test('a row is read up to its limit, and a quote left open costs its first line only', async () => {
  for (const [length, kind] of [
    [rowCharactersMax - 1, 'row'],
    [rowCharactersMax, 'row'],
    [rowCharactersMax + 1, 'broken'],
  ] as const) {
    const rows = await rowsOf(Buffer.from(`a,b\n"${'x'.repeat(length - 4)}",2\n3,4\n`))
    assert.equal(rows[1]?.kind, kind, `${length} characters`)
  }
})

test('whatever was written is read back, in pieces of any size', async () => {
  const cell = fc.string({
    unit: fc.constantFrom('a', '"', ',', '\n', 'é', '一', ' '),
    maxLength: 5,
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 20 }),
      async (rows, pieceBytes) => {
        const written = rows.map((row) =>
          row.map((each) => `"${each.replaceAll('"', '""')}"`).join(','),
        )
        const bytes = Buffer.from(`"h","i"\n${written.join('\n')}\n`)
        assert.deepEqual(fields(await rowsOf(bytes, pieceBytes)), [['h', 'i'], ...rows])
      },
    ),
  )
})

test('a packed file is unpacked, and a damaged one is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'csv-'))
  const packed = gzipSync(Buffer.from(text))
  const read = async (bytes: Uint8Array): Promise<CsvRow[]> => {
    const path = join(folder, 'file.csv')
    await writeFile(path, bytes)
    const rows: CsvRow[] = []
    for await (const row of readCsvFile(path)) rows.push(row)
    return rows
  }
  assert.deepEqual(fields(await read(packed)), table)
  await assert.rejects(read(packed.subarray(0, packed.length - 12)), { code: 'invalid_request' })
  await rm(folder, { recursive: true })
})
