/**
 * Runs every test: `npm test`, or those of some rooms: `npm test -- http seckill`.
 * `--coverage` adds coverage by room (CI does). `--list` names the files and runs nothing.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryFiles, root } from './sources.ts'

const words = process.argv.slice(2)
if (words.includes('--help')) {
  process.stdout.write(
    'usage: npm test [-- ROOM ...] [--coverage] [--list]\n' +
      '  npm test                     every test\n' +
      '  npm test -- http seckill     the tests of two rooms\n' +
      '  npm test -- --coverage       with line and branch coverage by room\n' +
      'SPATE_REQUIRE_SERVICES=1 makes a missing server (redis-server, nginx ...) a failure, not a skip.\n',
  )
  process.exit(0)
}
const coverage = words.includes('--coverage')
const wanted = words.filter((word) => !word.startsWith('--'))
const files = repositoryFiles().filter(
  (path) =>
    path.endsWith('.test.ts') &&
    (wanted.length === 0 || wanted.some((word) => path.split('/').includes(word))),
)
if (files.length === 0) {
  process.stderr.write(`no test files match ${wanted.join(' ')}\n`)
  process.exit(1)
}
if (words.includes('--list')) {
  process.stdout.write(`${files.join('\n')}\n`)
  process.exit(0)
}

const lcov = join(root, 'coverage', 'lcov.info')
const flags = [
  '--test',
  '--test-concurrency=2',
  '--test-reporter=spec',
  '--test-reporter-destination=stdout',
]
if (coverage) {
  mkdirSync(join(root, 'coverage'), { recursive: true })
  flags.push(
    '--experimental-test-coverage',
    '--test-coverage-exclude=**/*.test.ts',
    '--test-coverage-exclude=tools/**',
  )
  flags.push('--test-reporter=lcov', `--test-reporter-destination=${lcov}`)
}
const run = spawnSync(process.execPath, [...flags, ...files], { cwd: root, stdio: 'inherit' })
if (coverage && run.status === 0) printCoverage(lcov)
process.exit(run.status ?? 1)

/** Prints lines and branches covered, room by room. */
function printCoverage(path: string): void {
  const byRoom = new Map<
    string,
    { lines: number; linesHit: number; branches: number; branchesHit: number }
  >()
  let room = ''
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [key, value = ''] = line.split(':')
    if (key === 'SF') room = value.replace(`${root}/`, '').split('/').slice(0, 2).join('/')
    const sum = byRoom.get(room) ?? { lines: 0, linesHit: 0, branches: 0, branchesHit: 0 }
    if (key === 'LF') sum.lines += Number(value)
    if (key === 'LH') sum.linesHit += Number(value)
    if (key === 'BRF') sum.branches += Number(value)
    if (key === 'BRH') sum.branchesHit += Number(value)
    byRoom.set(room, sum)
  }
  const percent = (hit: number, all: number): string =>
    (all === 0 ? '-' : `${((100 * hit) / all).toFixed(1)} %`).padStart(8)
  process.stdout.write('\ncoverage by room       lines  branches\n')
  for (const [name, sum] of [...byRoom]
    .filter(([each]) => each !== '')
    .sort(([a], [b]) => a.localeCompare(b))) {
    process.stdout.write(
      `${name.padEnd(20)}${percent(sum.linesHit, sum.lines)}  ${percent(sum.branchesHit, sum.branches)}\n`,
    )
  }
}
