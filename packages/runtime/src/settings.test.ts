import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from './fault.ts'
import { loadSettings, type SettingSources } from './settings-load.ts'
import { helpLines, redacted, settingsMarkdown } from './settings-print.ts'
import {
  bytes,
  choice,
  decimal,
  duration,
  integer,
  list,
  text,
  toggle,
  url,
  writeBytes,
  writeDuration,
} from './settings.ts'

const table = {
  port: integer(8080, 0, 65_535, 'Where to listen.'),
  idleTimeout: duration(60_000, 1000, 3_600_000, 'When to close a quiet connection.'),
  bodyBytesMax: bytes(1024, 0, 1024 ** 3, 'Largest body.'),
  sampleRate: decimal(0.01, 0.0001, 1, 'Share of traces kept.'),
  store: choice('embedded', ['embedded', 'redis'], 'Where state lives.'),
  origin: url(undefined, 'Where answers come from.'),
  tags: list([], 'Labels.'),
  compress: toggle(true, 'Whether to compress.'),
  token: text(undefined, 'Admin secret.', { secret: true, env: 'SPATE_ADMIN_TOKEN' }),
}

const load = (sources: Partial<SettingSources> = {}) =>
  loadSettings(table, { program: 'edge', flags: [], env: {}, ...sources })

const refusal = (sources: Partial<SettingSources>): Fault => {
  try {
    load(sources)
  } catch (caught) {
    assert.ok(caught instanceof Fault)
    assert.equal(caught.code, 'settings_invalid')
    return caught
  }
  return assert.fail('the settings were accepted')
}

test('a table without sources yields its defaults, frozen', () => {
  const { values, origins } = load()
  assert.equal(values.port, 8080)
  assert.equal(values.idleTimeout, 60_000)
  assert.equal(values.origin, undefined)
  assert.equal(origins.port, 'default')
  assert.ok(Object.isFrozen(values))
})

test('a flag beats the environment, which beats the file, which beats the default', () => {
  const file = 'port: 1\nedge:\n  idleTimeout: 5s\n  store: redis\n'
  const env = { SPATE_PORT: '2', SPATE_IDLE_TIMEOUT: '6s' }
  const { values, origins } = load({ file, env, flags: ['--port', '3'] })
  assert.deepEqual([values.port, values.idleTimeout, values.store], [3, 6000, 'redis'])
  assert.deepEqual(
    [origins.port, origins.idleTimeout, origins.store, origins.tags],
    ['flag', 'environment', 'file', 'default'],
  )
})

test('durations and sizes are read in the units people write', () => {
  const read = (flag: string) => load({ flags: [flag] }).values
  assert.equal(read('--idle-timeout=1500ms').idleTimeout, 1500)
  assert.equal(read('--idle-timeout=1.5m').idleTimeout, 90_000)
  assert.equal(read('--idle-timeout=2000').idleTimeout, 2000)
  assert.equal(read('--body-bytes-max=64KiB').bodyBytesMax, 65_536)
  assert.equal(read('--body-bytes-max=10MB').bodyBytesMax, 10_000_000)
})

test('every number is refused just outside its range and taken at its edges', () => {
  for (const [flag, inside, outside] of [
    ['--port', ['0', '65535'], ['-1', '65536', '1.5', 'NaN', 'Infinity', '']],
    ['--idle-timeout', ['1s', '1h'], ['999ms', '3600001ms', 'soon', '-5s']],
    ['--body-bytes-max', ['0', '1GiB'], ['1073741825', '1 elephant']],
    ['--sample-rate', ['0.0001', '1'], ['0.00009', '1.00001', '0x1']],
  ] as const) {
    for (const value of inside) assert.ok(load({ flags: [`${flag}=${value}`] }), `${flag}=${value}`)
    for (const value of outside) {
      const fault = refusal({ flags: [`${flag}=${value}`] })
      assert.equal(fault.fields[0]?.field, flag)
      assert.equal(fault.fields[0]?.value, value)
      assert.match(fault.fields[0]?.expected ?? '', / from .* to /)
    }
  }
})

test('an unknown flag, variable or file key is refused with the nearest known name', () => {
  assert.match(
    refusal({ flags: ['--prot', '1'] }).message,
    /--prot: not a known name; did you mean --port\?/,
  )
  assert.match(refusal({ env: { SPATE_PROT: '1' } }).message, /did you mean SPATE_PORT/)
  assert.match(
    refusal({ file: 'edge: { stoer: redis }' }).message,
    /edge\.stoer: .*did you mean store/,
  )
  assert.match(refusal({ file: 'colour: blue' }).message, /colour: not a known name; see --help/)
})

test('all problems are told at once', () => {
  const fault = refusal({ flags: ['--port=x', '--store=oracle'], env: { SPATE_SAMPLE_RATE: '7' } })
  assert.deepEqual(
    fault.fields.map(({ field }) => field),
    ['--port', 'SPATE_SAMPLE_RATE', '--store'],
  )
})

test('sections of other programs and variables of other tables are passed over', () => {
  const { values } = load({
    file: 'seckill: { whatever: 1 }\nport: 5\nstock: 3',
    sections: ['seckill'],
    foreignNames: ['stock'],
    env: { SPATE_QUEUE: '1' },
    foreignEnv: ['SPATE_QUEUE'],
  })
  assert.equal(values.port, 5)
})

test('a file that is not YAML, holds a key twice or is no mapping is refused in words', () => {
  assert.match(refusal({ file: 'port: [1' }).message, /file: YAML that can be read/)
  assert.match(refusal({ file: 'port: 1\nport: 2' }).message, /unique/i)
  assert.match(refusal({ file: '- 1\n- 2' }).message, /names with values/)
})

test('switches are turned on by name and off by no-name', () => {
  assert.equal(load({ flags: ['--compress'] }).values.compress, true)
  assert.equal(load({ flags: ['--no-compress'] }).values.compress, false)
  assert.equal(load({ flags: ['--compress', 'false'] }).values.compress, false)
  assert.deepEqual(load({ flags: ['one', '--compress', 'two'] }).words, ['one', 'two'])
})

test('secrets are neither printed nor shown in refusals', () => {
  const { values } = load({ env: { SPATE_ADMIN_TOKEN: 'hunter2' } })
  assert.equal(redacted(table, values)['token'], '***')
  assert.doesNotMatch(JSON.stringify(redacted(table, values)), /hunter2/)
  assert.equal(helpLines(table).length, Object.keys(table).length)
  assert.match(settingsMarkdown(table), /`--idle-timeout`<br>`SPATE_IDLE_TIMEOUT` \| `1m`/)
})

test('what is written in units reads back as the same number', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1000, max: 3_600_000 }),
      fc.integer({ min: 0, max: 1024 ** 3 }),
      (ms, size) => {
        const { values } = load({
          flags: [`--idle-timeout=${writeDuration(ms)}`, `--body-bytes-max=${writeBytes(size)}`],
        })
        assert.equal(values.idleTimeout, ms)
        assert.equal(values.bodyBytesMax, size)
      },
    ),
  )
})
