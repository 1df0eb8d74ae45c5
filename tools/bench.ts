/**
 * Runs benchmarks with their controls: `npm run bench`, or some: `npm run bench -- http journal`.
 * Each `*.bench.ts` is run in a process of its own, so that none warms up or litters another.
 * Writes docs/reference/benchmarks.md; sections of benchmarks that did not run stay as they are.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { basename, join } from 'node:path'
import type { BenchTable } from '../packages/runtime/src/bench.ts'
import { repositoryFiles, root } from './sources.ts'

const page = join(root, 'docs', 'reference', 'benchmarks.md')
const words = process.argv.slice(2)
const files = repositoryFiles().filter((path) => path.endsWith('.bench.ts'))
const nameOf = (path: string): string => basename(path, '.bench.ts')

if (words.includes('--help') || words.includes('--list')) {
  process.stdout.write('usage: npm run bench [-- NAME ...]\n\n')
  for (const path of files) process.stdout.write(`  ${nameOf(path).padEnd(18)} ${path}\n`)
  process.exit(0)
}
if (words[0] === '--one') {
  const path = words[1] as string
  const { run } = (await import(join(root, path))) as { run: () => Promise<BenchTable> }
  const table = await run()
  process.stdout.write(`\n@@bench ${JSON.stringify(table)}\n`)
  process.exit(0)
}
const unknown = words.filter(
  (word) => !files.some((path) => nameOf(path) === word || path.split('/').includes(word)),
)
if (unknown.length > 0) {
  process.stderr.write(`no benchmark called ${unknown.join(', ')}; see npm run bench -- --list\n`)
  process.exit(2)
}

const chosen = files.filter(
  (path) =>
    words.length === 0 ||
    words.some((word) => nameOf(path) === word || path.split('/').includes(word)),
)
let failed = 0
for (const path of chosen) {
  process.stderr.write(`running ${nameOf(path)} (${path}) ...\n`)
  const child = spawnSync(process.execPath, ['--expose-gc', import.meta.filename, '--one', path], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 64 * 1024 * 1024,
  })
  const line = child.stdout.split('\n').find((each) => each.startsWith('@@bench '))
  if (child.status !== 0 || line === undefined) {
    failed++
    process.stderr.write(`${nameOf(path)} failed\n${child.stdout}\n`)
    continue
  }
  const section = markdown(JSON.parse(line.slice('@@bench '.length)) as BenchTable)
  process.stdout.write(`${section}\n`)
  keep(nameOf(path), section)
}
process.exit(failed === 0 ? 0 : 1)

function markdown(table: BenchTable): string {
  const columns = [...new Set(table.rows.flatMap(({ figures }) => Object.keys(figures)))]
  const cell = (value: string | number | undefined): string =>
    value === undefined ? '' : typeof value === 'number' ? readable(value) : value
  return [
    `## ${table.title}`,
    '',
    `\`npm run bench -- ${table.name}\` · ${new Date().toISOString().slice(0, 10)} · Node ${process.versions.node} · ${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 1024 ** 3)} GiB`,
    '',
    `| | ${columns.join(' | ')} |`,
    `| --- |${columns.map(() => ' ---: |').join('')}`,
    ...table.rows.map(
      ({ label, figures }) =>
        `| ${label} | ${columns.map((column) => cell(figures[column])).join(' | ')} |`,
    ),
    '',
    ...table.notes.map((note) => `- ${note}`),
  ].join('\n')
}

function readable(value: number): string {
  if (!Number.isFinite(value)) return '-'
  const digits =
    Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 1 ? 2 : 4
  return value.toLocaleString('en-US', { maximumFractionDigits: digits })
}

/** Puts `section` in its place on the page, in order of names. */
function keep(name: string, section: string): void {
  const sections = new Map<string, string>()
  const text = existsSync(page) ? readFileSync(page, 'utf8') : ''
  for (const match of text.matchAll(/<!-- bench (\S+) -->\n([\s\S]*?)\n<!-- end -->/g)) {
    sections.set(match[1] as string, match[2] as string)
  }
  sections.set(name, section)
  const body = [...sections]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([each, content]) => `<!-- bench ${each} -->\n${content}\n<!-- end -->`)
  writeFileSync(
    page,
    [
      '# Benchmarks',
      '',
      'Written by `npm run bench`. Every figure stands beside its controls of the same run; read ratios,',
      'not absolute numbers: these machines are shared. `a (b..c)` is the median and the range of rounds.',
      '',
      ...body,
      '',
    ].join('\n'),
  )
}
