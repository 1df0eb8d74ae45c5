/**
 * The house's rules as a test: floors, circles, lengths, forbidden calls, manifests, doc comments.
 * ARCHITECTURE.md draws the same table; change both or neither.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { repositoryFiles, rooms, root, sources, type Source } from './sources.ts'

/** What each room may import besides itself: the layer table. */
const below: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  journal: ['runtime'],
  telemetry: ['journal', 'runtime'],
  http: ['telemetry', 'journal', 'runtime'],
  state: ['telemetry', 'journal', 'runtime'],
  eventlog: ['telemetry', 'journal', 'runtime'],
  edge: ['http', 'state', 'eventlog', 'telemetry', 'journal', 'runtime'],
  seckill: ['http', 'state', 'eventlog', 'telemetry', 'journal', 'runtime'],
  recommend: ['http', 'state', 'eventlog', 'telemetry', 'journal', 'runtime'],
  shop: ['http', 'telemetry', 'runtime'],
  console: ['http', 'telemetry', 'runtime'],
  lab: [
    'edge',
    'seckill',
    'recommend',
    'http',
    'state',
    'eventlog',
    'telemetry',
    'journal',
    'runtime',
  ],
  spate: [
    'shop',
    'console',
    'lab',
    'edge',
    'seckill',
    'recommend',
    'http',
    'state',
    'eventlog',
    'telemetry',
    'journal',
    'runtime',
  ],
}

/** Rooms whose job it is to touch the machine's clock, chance and process. */
const machineRooms = new Set(['runtime'])

const forbidden: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\(/, 'clock.now()'],
  [/\bnew Date\(\s*\)/, 'new Date(clock.now())'],
  [/\bperformance\.now\(/, 'clock.elapsed()'],
  [/\bprocess\.(?!versions\b|allowedNodeEnvironmentFlags\b)\w/, '@spate/runtime/host'],
  [/(?<![.\w])(setTimeout|setInterval)\(/, 'clock.after() or clock.every()'],
  [/\bMath\.random\(/, 'chance.float()'],
  [
    /\b(randomBytes|randomUUID|randomInt|randomFillSync|getRandomValues)\(/,
    'secretBytes() or uuidv7()',
  ],
  [/(?<![.\w])console\.\w+\(/, 'a Log'],
]

const linesMax = 400
const all = sources()
const product = all.filter(({ path }) => /^(packages|services|apps)\//.test(path))
const shipped = product.filter(
  ({ path }) => !/\.(test|bench|fuzz)\.ts$/.test(path) && !path.includes('/browser/'),
)
const roomOf = (path: string): string => path.split('/')[1] ?? ''

test('the tidy test reads the whole house', () => {
  assert.ok(product.length >= 100, `read only ${product.length} files`)
  assert.equal(rooms().length, Object.keys(below).length, 'every room has a row in the layer table')
})

test('imports only point down the layer table', () => {
  const up: string[] = []
  let arrows = 0
  for (const { path, imports } of product) {
    const room = roomOf(path)
    for (const name of imports) {
      const target = /^@spate\/([^/]+)/.exec(name)?.[1]
      if (target === undefined) continue
      arrows++
      if (target !== room && !below[room]?.includes(target)) up.push(`${path} -> ${name}`)
    }
  }
  assert.ok(arrows >= 100, `saw only ${arrows} arrows between rooms`)
  assert.deepEqual(up, [])
})

test('no file reaches into another room past its exports', () => {
  const deep: string[] = []
  for (const { path, imports } of product) {
    for (const name of imports.filter((each) => each.startsWith('.'))) {
      const target = normalize(join(dirname(path), name))
      if (target.split('/').slice(0, 2).join('/') !== path.split('/').slice(0, 2).join('/'))
        deep.push(`${path} -> ${name}`)
    }
  }
  assert.deepEqual(deep, [])
})

test('no files import each other in a circle', () => {
  const graph = new Map(all.map((source) => [source.path, targets(source)]))
  const state = new Map<string, 'open' | 'done'>()
  const circles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return
    if (state.get(path) === 'open') {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
      return
    }
    state.set(path, 'open')
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    state.set(path, 'done')
  }
  for (const path of graph.keys()) visit(path, [])
  assert.deepEqual(circles, [])
})

function targets({ path, imports }: Source): readonly string[] {
  return imports
    .filter((name) => name.startsWith('.') && name.endsWith('.ts'))
    .map((name) => normalize(join(dirname(path), name)))
}

test(`no file is longer than ${linesMax} lines`, () => {
  const long = all
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > linesMax)
  assert.deepEqual(long, [])
})

test('only the runtime room touches clock, chance, process and console', () => {
  const found: string[] = []
  for (const { path, code } of shipped) {
    if (machineRooms.has(roomOf(path))) continue
    for (const [number, line] of code.split('\n').entries()) {
      for (const [form, instead] of forbidden) {
        if (form.test(line)) found.push(`${path}:${number + 1}: use ${instead}: ${line.trim()}`)
      }
    }
  }
  assert.deepEqual(found, [])
})

test('a domain folder is pure: it awaits nothing and imports nothing that does', () => {
  const impure: string[] = []
  const pureModules =
    /^(node:(assert|crypto|util)|node:assert\/strict|typebox|structured-headers|\.|@spate\/runtime\/(fault|chance|queue))/
  const domain = shipped.filter(({ path }) => path.includes('/domain/'))
  for (const { path, code, imports } of domain) {
    if (/\bawait\b|\basync\b|\bPromise\b/.test(code)) impure.push(`${path}: awaits`)
    for (const name of imports) {
      const leaves =
        name.startsWith('..') &&
        !normalize(join(dirname(path), name)).includes('/domain/') &&
        !name.endsWith('contract.ts')
      if (!pureModules.test(name) || leaves) impure.push(`${path} -> ${name}`)
    }
  }
  assert.ok(domain.length >= 20, `read only ${domain.length} domain files`)
  assert.deepEqual(impure, [])
})

test('names say what a thing is: no utils, helpers, common, shared, manager, base', () => {
  const vague = repositoryFiles().filter((path) =>
    /(^|\/)(utils?|helpers?|common|shared|managers?|base|misc|lib)(\/|\.[a-z]+$)/.test(path),
  )
  assert.deepEqual(vague, [])
})

test('every export is named and carries a doc comment', () => {
  const bare: string[] = []
  let exported = 0
  for (const { path, text, code } of shipped) {
    const lines = text.split('\n')
    for (const [number, line] of code.split('\n').entries()) {
      if (line.startsWith('export default')) bare.push(`${path}:${number + 1}: default export`)
      if (
        !/^export (declare )?(abstract )?(async )?(function|class|interface|type|const|let)\b/.test(
          line,
        )
      )
        continue
      exported++
      const before = lines[number - 1]?.trim() ?? ''
      const overload = /^export (async )?function (\w+)/.exec(lines[number - 1] ?? '')
      if (!before.endsWith('*/') && !overload) bare.push(`${path}:${number + 1}: ${line.trim()}`)
    }
  }
  assert.ok(exported >= 300, `saw only ${exported} exports`)
  assert.deepEqual(bare, [])
})

test('no any, no suppressed checks, no leftovers', () => {
  const found: string[] = []
  for (const { path, text, code } of all) {
    if (path === 'tools/tidy.test.ts') continue
    for (const [number, line] of code.split('\n').entries()) {
      if (/:\s*any\b|\bas any\b|<any>/.test(line)) found.push(`${path}:${number + 1}: any`)
    }
    for (const [number, line] of text.split('\n').entries()) {
      if (/@ts-(ignore|nocheck|expect-error)|\b(TODO|FIXME|XXX|HACK)\b/.test(line))
        found.push(`${path}:${number + 1}: ${line.trim()}`)
      if (/\.only\(|\bdebugger\b/.test(line)) found.push(`${path}:${number + 1}: ${line.trim()}`)
    }
  }
  assert.deepEqual(found, [])
})

test('every room has the same face: manifest, README, lockstep version, exports that exist', () => {
  const version = rooms()[0]?.manifest.version
  const wrong: string[] = []
  for (const { path, name, manifest } of rooms()) {
    const expected = name === 'spate' ? 'spate' : `@spate/${name}`
    if (manifest.name !== expected) wrong.push(`${path}: is called ${manifest.name}`)
    if (manifest.version !== version)
      wrong.push(`${path}: version ${manifest.version}, others ${version}`)
    if (manifest.license !== 'Apache-2.0') wrong.push(`${path}: license`)
    if (!manifest.description) wrong.push(`${path}: description`)
    if (!existsSync(join(root, path, 'README.md'))) wrong.push(`${path}: no README.md`)
    for (const [entry, target] of Object.entries(manifest.exports ?? {})) {
      if (!existsSync(join(root, path, target)))
        wrong.push(`${path}: exports ${entry} -> ${target} is missing`)
    }
    for (const [dependency, range] of Object.entries(manifest.dependencies ?? {})) {
      if (!/^\d/.test(range)) wrong.push(`${path}: ${dependency} is not pinned: ${range}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('every room declares what it imports and imports what it declares', () => {
  const wrong: string[] = []
  for (const { path, manifest } of rooms()) {
    const own = product.filter((source) => source.path.startsWith(`${path}/`))
    const used = new Set<string>()
    for (const source of own) {
      for (const name of source.imports) {
        if (name.startsWith('.') || name.startsWith('node:')) continue
        used.add(
          name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : (name.split('/')[0] ?? ''),
        )
      }
    }
    const declared = {
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.peerDependencies,
      ...manifest.optionalDependencies,
    }
    for (const name of used)
      if (!(name in declared) && name !== manifest.name && !rootTools.has(name))
        wrong.push(`${path}: uses ${name}, does not declare it`)
    for (const name of Object.keys(manifest.dependencies ?? {}))
      if (!used.has(name)) wrong.push(`${path}: declares ${name}, does not use it`)
  }
  assert.deepEqual(wrong, [])
})

/** Test machinery that the root declares for all rooms. */
const rootTools = new Set(['fast-check', 'playwright-core', 'typescript'])
