import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import type { BenchTable } from '@spate/runtime/bench'
import { startEdgeCommand, type EdgeCommand } from './edge-command.ts'
import { temporaryFolder } from './platform.ts'

const rounds = 5
const subjects: Readonly<Record<string, string>> = {
  'one process (control)': '--workers 1',
  'one worker, upgradable': '--upgradable',
  'two workers': '--workers 2',
}

/** What workers bring, and what the process in front of them costs: hits of 1 KB, each subject beside the others. */
export async function run(): Promise<BenchTable> {
  const origin = createServer((_, response) => {
    response.setHeader('cache-control', 'max-age=3600')
    response.end('x'.repeat(1024))
  }).listen(0, '127.0.0.1')
  await once(origin, 'listening')
  const { port } = origin.address() as AddressInfo
  const folders = Object.keys(subjects).map(() => temporaryFolder('bench'))
  const edges: EdgeCommand[] = []
  for (const [at, flags] of Object.values(subjects).entries()) {
    const given = `--origin http://127.0.0.1:${port} ${flags}`.split(' ')
    edges.push(await startEdgeCommand(given, folders[at]?.path ?? ''))
  }
  const rates = edges.map((): number[] => [])
  for (let round = 0; round < rounds; round++)
    for (const [at, edge] of edges.entries()) rates[at]?.push(await wrk(`${edge.traffic}/page`))
  await Promise.all(edges.map((edge) => edge.stop()))
  for (const folder of folders) folder.remove()
  origin.close()
  const control = rates[0] ?? []
  const ratios = rates.map((own) => own.map((rate, at) => rate / (control[at] ?? 1)))
  return {
    name: 'edge-workers',
    title: 'Edge: one process, one worker behind a held port, two workers',
    rows: Object.keys(subjects).map((label, at) => ({
      label,
      figures: {
        'requests/s': shown(rates[at] ?? [], 0),
        'x the control': shown(ratios[at] ?? [], 2),
      },
    })),
    notes: [
      `1 KB hits, wrk with 1 thread and 64 kept connections, 2 s; median (min..max) of ${rounds} rounds; the ratio is of neighbours in one round`,
      'generator and workers share the cores: with two cores, two workers and the generator are three',
    ],
  }
}

async function wrk(target: string): Promise<number> {
  const { stdout } = await promisify(execFile)('wrk', ['-t1', '-c64', '-d2s', target])
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`not all were answered: ${stdout}`)
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? 0)
}

function shown(values: readonly number[], digits: number): string {
  const sorted = values.toSorted((one, other) => one - other)
  const [low, middle, high] = [0, Math.floor(sorted.length / 2), sorted.length - 1].map((at) =>
    (sorted[at] ?? 0).toFixed(digits),
  )
  return `${middle} (${low}..${high})`
}
