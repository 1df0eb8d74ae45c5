import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { command, type CommandContext } from '@spate/runtime/command'
import { Fault } from '@spate/runtime/fault'
import type { Host } from '@spate/runtime/host'
import { integer, text } from '@spate/runtime/settings'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { commands as shipped } from './commands.ts'
import { dispatch } from './dispatch.ts'

interface Typed {
  readonly code: number
  readonly out: string
  readonly err: string
  readonly seen: readonly CommandContext[]
}

const folder = mkdtempSync(join(tmpdir(), 'spate-dispatch-'))

async function type(line: string, env: Host['env'] = {}, fail?: () => never): Promise<Typed> {
  const seen: CommandContext[] = []
  const commands = [
    command({
      name: 'edge',
      summary: 'A cache in front of any origin.',
      usage: 'A [B] [--port N]',
      examples: [['spate edge --origin http://127.0.0.1:8083', 'the demo shop']],
      settings: {
        port: integer(8080, 0, 65_535, 'Where to listen.'),
        secret: text('', 'Hush.', { secret: true }),
      },
      section: 'edge',
      run: (context) => {
        seen.push(context)
        fail?.()
        return Promise.resolve(0)
      },
    }),
    command({
      name: 'load seckill',
      summary: 'A burst.',
      usage: '',
      examples: [],
      settings: {},
      run: () => Promise.resolve(1),
    }),
  ]
  let out = ''
  let err = ''
  const host: Host = {
    argv: line.split(' ').filter(Boolean),
    env,
    cwd: folder,
    pid: 1,
    colours: false,
    interactive: false,
    write: (each) => void (out += each),
    writeError: (each) => void (err += each),
  }
  const code = await dispatch(commands, {
    host,
    clock: new VirtualClock(),
    chance: new SeededChance(1),
    signal: new AbortController().signal,
    onSignal: () => {},
  })
  return { code, out, err, seen }
}

test('a command runs with its settings, its words and exit code 0', async () => {
  const { code, seen } = await type('edge one --port 9000 two')
  assert.equal(code, 0)
  assert.equal(seen[0]?.settings['port'], 9000)
  assert.deepEqual(seen[0]?.words, ['one', 'two'])
})

test('one word more than the usage asks for is refused, and nothing runs', async () => {
  const { code, err, seen } = await type('edge one two port')
  assert.equal(code, 2)
  assert.match(err, /"port" is not expected; usage: spate edge A \[B\] \[--port N\] \[flags\]/)
  assert.deepEqual(seen, [])
  const load = await type('load seckill buyers')
  assert.equal(load.code, 2, load.err)
})

test('a command of two words is found, and its exit code is passed on', async () => {
  assert.equal((await type('load seckill')).code, 1)
})

test('help is for people: summary, usage, examples, flags with defaults, no escape codes when piped', async () => {
  const { code, out } = await type('edge --help')
  assert.equal(code, 0)
  assert.match(
    out,
    /A cache in front[\s\S]*usage[\s\S]*spate edge A \[B\] \[--port N\] \[flags\][\s\S]*examples[\s\S]*--port N +Where to listen\. \[8080\]/,
  )
  assert.ok(!out.includes('\u001b'))
  assert.match((await type('')).out, /commands\n {2}edge/)
  assert.match((await type('--version')).out, /^spate \d+\.\d+\.\d+\n$/)
})

test('an unknown command is exit 2 with the nearest one', async () => {
  const { code, err } = await type('egde')
  assert.equal(code, 2)
  assert.match(err, /there is no command "egde"; did you mean "spate edge"\?/)
  const group = await type('load --help')
  assert.equal(group.code, 0)
  assert.match(group.out, /load seckill +A burst/)
  assert.doesNotMatch(group.out, /A cache in front/)
  assert.equal((await type('load')).code, 2)
  assert.match((await type('load x')).err, /there is "spate load seckill"/)
})

test('bad settings are exit 2 with name, value and range; unknown variables too', async () => {
  const { code, err, seen } = await type('edge --port 99999')
  assert.equal(code, 2)
  assert.match(err, /--port: got "99999", expected a whole number from 0 to 65535/)
  assert.equal(seen.length, 0)
  assert.equal((await type('edge', { SPATE_POTR: '1' })).code, 2)
  assert.equal((await type('edge', { SPATE_CRASH_AT: 'x', SPATE_PORT: '1' })).code, 0)
})

test('the settings file is read from the folder or from --config; a missing named one is refused', async () => {
  writeFileSync(join(folder, 'other.yaml'), 'edge:\n  port: 1234\n')
  const { seen } = await type('edge --config other.yaml')
  assert.equal(seen[0]?.settings['port'], 1234)
  const missing = await type('edge --config nowhere.yaml')
  assert.equal(missing.code, 2)
  assert.match(missing.err, /nowhere\.yaml cannot be read \(ENOENT\)/)
})

test('a fault is told in one line with what to do next; a bug shows its stack', async () => {
  const fault = await type('edge', {}, () => {
    throw new Fault('address_in_use', 'port 8080 is taken')
  })
  assert.equal(fault.code, 1)
  assert.match(
    fault.err,
    /^spate edge: port 8080 is taken \(address_in_use\)\nStop the other process/,
  )
  const bug = await type('edge', {}, () => {
    throw new TypeError('undefined is not a function')
  })
  assert.equal(bug.code, 1)
  assert.match(bug.err, /a bug, please report it\nTypeError: undefined is not a function\n +at /)
  const refused = await type('edge', {}, () => {
    throw Object.assign(new Error("EACCES: permission denied, mkdir '/x'"), { code: 'EACCES' })
  })
  assert.deepEqual(
    [refused.code, refused.err],
    [1, "spate edge: EACCES: permission denied, mkdir '/x'\n"],
  )
})

test('the settings file that init writes is one that every program accepts', async () => {
  const fresh = mkdtempSync(join(tmpdir(), 'spate-init-'))
  const ask = async (line: string): Promise<{ readonly code: number; readonly out: string }> => {
    let out = ''
    const write = (each: string): void => void (out += each)
    const host: Host = {
      argv: line.split(' '),
      env: {},
      cwd: fresh,
      pid: 1,
      colours: false,
      interactive: false,
      write,
      writeError: write,
    }
    const { signal } = new AbortController()
    const surroundings = {
      host,
      clock: new VirtualClock(),
      chance: new SeededChance(1),
      signal,
      onSignal: () => {},
    }
    return { code: await dispatch(shipped, surroundings), out }
  }
  assert.deepEqual(await ask('init'), {
    code: 0,
    out: 'wrote spate.yaml; check it with spate config check\n',
  })
  assert.deepEqual(await ask('config check'), { code: 0, out: 'the settings are good\n' })
  assert.equal((await ask('init')).code, 1)
  const file = join(fresh, 'spate.yaml')
  const commented = readFileSync(file, 'utf8')
  writeFileSync(file, commented.replaceAll(/^( *)# ( *(?:- )?[a-zA-Z]+:)/gm, '$1$2'))
  assert.deepEqual(await ask('config check'), { code: 0, out: 'the settings are good\n' })
  const shown = JSON.parse((await ask('config print edge --json')).out)
  assert.equal(shown.settings.sites[0].rules[0].ttlMs, 3_600_000)
  writeFileSync(file, commented.replace('rateBurst: 200', 'rateBurst: lots'))
  const bad = await ask('config check')
  assert.equal(bad.code, 2)
  assert.match(bad.out, /edge: .*\n  line 9: edge.rateBurst: got "lots", expected a whole number/)
})
