import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from './fault.ts'
import { loadSettings } from './settings-load.ts'
import { settingsMarkdown, helpLines } from './settings-print.ts'
import { duration, integer, list, records, text, type TableOf } from './settings.ts'
import { settingsFileSchema } from './settings-schema.ts'

interface Rule {
  readonly path: string
  readonly ttlMs: number | undefined
}
interface Site {
  readonly name: string
  readonly hosts: readonly string[]
  readonly rules: readonly Rule[]
}
const ruleRows: TableOf<Rule> = {
  path: text('*', 'Where.'),
  ttlMs: duration(undefined, 0, 1000, 'How long.'),
}
const siteRows: TableOf<Site> = {
  name: text('', 'Name.', { required: true }),
  hosts: list([], 'Hosts.', { pattern: /^[a-z.]+$/, expected: 'host names' }),
  rules: records(ruleRows, 'Rules.'),
}
const table = { port: integer(1, 0, 9, 'Port.'), sites: records(siteRows, 'Sites.') }

const load = (file: string, flags: readonly string[] = []) =>
  loadSettings(table, { program: 'edge', flags, env: {}, file })

test('a list of mappings is read by its rows, defaults filled in', () => {
  const { values } = load(
    'edge:\n  sites:\n    - name: a\n      hosts: [x.y]\n      rules:\n        - ttlMs: 1s\n    - name: b\n',
  )
  assert.deepEqual(values.sites, [
    { name: 'a', hosts: ['x.y'], rules: [{ path: '*', ttlMs: 1000 }] },
    { name: 'b', hosts: [], rules: [] },
  ])
  assert.deepEqual(load('').values.sites, [])
})

test('every problem names line, field, value and what is accepted', () => {
  const file = [
    'edge:',
    '  port: 10',
    '  sites:',
    '    - nam: a',
    '    - name: b',
    '      hosts: [UPPER]',
    '      rules:',
    '        - ttlMs: 1001ms',
    '        - 5',
    '  sitez: []',
  ].join('\n')
  assert.throws(
    () => load(file),
    (caught: unknown) => {
      assert.ok(caught instanceof Fault)
      const told = caught.fields.map(({ line, field, value }) => [line, field, value])
      assert.deepEqual(told, [
        [10, 'edge.sitez', undefined],
        [2, 'edge.port', '10'],
        [4, 'edge.sites[0].nam', undefined],
        [4, 'edge.sites[0].name', undefined],
        [6, 'edge.sites[1].hosts', '["UPPER"]'],
        [8, 'edge.sites[1].rules[0].ttlMs', '1001ms'],
        [9, 'edge.sites[1].rules[1]', '5'],
      ])
      assert.match(
        caught.message,
        /line 8: edge.sites\[1\].rules\[0\].ttlMs: got "1001ms", expected/,
      )
      assert.match(caught.message, /did you mean name\?/)
      assert.match(caught.message, /did you mean sites\?/)
      return true
    },
  )
  assert.throws(() => load('edge:\n  sites: 5'), /line 2: edge.sites: got "5", expected a list/)
})

test('lists of mappings stand in the file alone: no flag, no variable, and the reference says so', () => {
  assert.throws(() => load('', ['--sites', 'x']), /--sites: not a known name/)
  assert.equal(helpLines(table).length, 1)
  assert.match(settingsMarkdown(table), /\| `sites` \|/)
})

test('the schema has every name at every depth, ranges, patterns and what must be there', () => {
  const schema = settingsFileSchema(new Map([['edge', table]]), { id: 'x', title: 'x' })
  const at = (path: string): unknown =>
    path
      .split('/')
      .reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], schema)
  const site = 'properties/edge/properties/sites/items'
  assert.equal(at('properties/edge/additionalProperties'), false)
  assert.equal(at(`${site}/additionalProperties`), false)
  assert.deepEqual(at(`${site}/required`), ['name'])
  assert.equal(at(`${site}/properties/hosts/anyOf/1/items/pattern`), '^[a-z.]+$')
  assert.equal(at(`${site}/properties/rules/items/properties/ttlMs/anyOf/0/maximum`), 1000)
  assert.equal(at('properties/edge/properties/port/anyOf/0/maximum'), 9)
})
