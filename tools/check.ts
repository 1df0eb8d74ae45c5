/**
 * Everything a machine can say about the code without running the product: format, lint, types,
 * the tidy rules, dead code, and docs in step with code. `npm run check -- --fix` formats first.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { repositoryFiles, root } from './sources.ts'

const fix = process.argv.includes('--fix')
const bin = (name: string): string => join(root, 'node_modules', '.bin', name)
const typescript = repositoryFiles().filter((path) => path.endsWith('.ts'))

interface Step {
  readonly name: string
  readonly command: readonly string[]
  /** A checker can be green having read nothing: this much of its output must say otherwise. */
  readonly read?: (output: string) => number
}

const steps: readonly Step[] = [
  {
    name: 'format',
    command: [bin('oxfmt'), ...(fix ? [] : ['--check'])],
    read: (output) => Number(/on (\d+) files/.exec(output)?.[1] ?? 0),
  },
  {
    name: 'lint',
    command: [bin('oxlint'), '--type-aware'],
    read: (output) => Number(/on (\d+) files/.exec(output)?.[1] ?? 0),
  },
  {
    name: 'types',
    command: [bin('tsc'), '-p', '.', '--listFilesOnly'],
    read: (output) =>
      output.split('\n').filter((line) => line.startsWith(root) && !line.includes('node_modules'))
        .length,
  },
  { name: 'types', command: [bin('tsc'), '-p', '.'] },
  { name: 'tidy', command: [process.execPath, '--test', 'tools/tidy.test.ts'] },
  { name: 'dead code', command: [bin('knip'), '--no-progress', '--no-config-hints'] },
  { name: 'docs', command: [process.execPath, 'tools/docs.ts', ...(fix ? [] : ['--check'])] },
]

let failed = 0
for (const { name, command, read } of steps) {
  const [program = '', ...args] = command
  const run = spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  })
  const output = `${run.stdout ?? ''}${run.stderr ?? ''}`
  const count = read?.(output)
  const tooFew = count !== undefined && count < typescript.length * 0.9
  if (run.status === 0 && !tooFew) {
    process.stdout.write(`ok    ${name}${count === undefined ? '' : ` (${count} files)`}\n`)
    continue
  }
  failed++
  process.stdout.write(
    `FAIL  ${name}${tooFew ? `: read ${count} files of ${typescript.length}` : ''}\n`,
  )
  process.stdout.write(output.split('\n').slice(-120).join('\n'))
}
process.stdout.write(
  failed === 0 ? 'check: all good\n' : `check: ${failed} failed; try: npm run check -- --fix\n`,
)
process.exit(failed === 0 ? 0 : 1)
