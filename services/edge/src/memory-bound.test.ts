import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bodyServer, crowds } from './testing/memory-crowds.ts'

/** Seconds of each crowd: few where every change runs it, 30 and more for the proof. */
const seconds = Number(process.env['MEMORY_SECONDS'] ?? 1)
const MiB = 1024 ** 2
/** What waits for the disk, and what comes from there, in bytes. */
const diskBytes = 48 * MiB
/** What the runtime itself takes under load: garbage not yet collected, free memory not yet given back. */
const runtimeBytes = 160 * MiB
const bounds = { memoryBytesMax: 64 * MiB, transientBytesMax: 16 * MiB }

const children = new Set<ChildProcess>()
after(() => {
  for (const child of children) child.kill('SIGKILL')
})

async function edgeProcess(
  origin: string,
  folder: string,
  settings: object,
): Promise<{ child: ChildProcess; url: string }> {
  const program = join(import.meta.dirname, 'testing', 'edge-process.ts')
  const child = spawn(process.execPath, [program, origin, folder, JSON.stringify(settings)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.add(child)
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, url: String(line).split(' ')[0] as string }
}

/** Resident memory of a process now, bytes. */
async function residentBytes({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024
}

for (const disk of [true, false]) {
  test(
    `memory stays within its bound, ${disk ? 'with' : 'without'} a disk: ${seconds} s of each crowd`,
    { timeout: 60_000 + seconds * crowds.length * 4000 },
    async (context) => {
      const folder = await mkdtemp(join(tmpdir(), 'spate-memory-'))
      const server = bodyServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const settings = { ...bounds, diskBytes: disk ? 512 * MiB : 0, objectBytesMax: 16 * MiB }
      const idle = await edgeProcess(origin, `${folder}/idle`, settings)
      const busy = await edgeProcess(origin, `${folder}/busy`, settings)
      const baseBytes = await residentBytes(idle.child)
      let mostBytes = 0
      for (const crowd of crowds) {
        const endMs = performance.now() + seconds * 1000
        const over = { now: false }
        const run = crowd.run(busy.url, () => over.now || performance.now() > endMs)
        const seen: number[] = []
        while (performance.now() < endMs) {
          seen.push(await residentBytes(busy.child))
          await sleep(200)
        }
        over.now = true
        await run
        mostBytes = Math.max(mostBytes, ...seen)
        context.diagnostic(
          `${crowd.name}: RSS MiB ${seen
            .filter((_, at) => at % Math.ceil(seen.length / 12) === 0)
            .map((bytes) => (bytes / MiB).toFixed(0))
            .join(
              ' ',
            )}, most ${(Math.max(...seen) / MiB).toFixed(0)}; idle ${((await residentBytes(idle.child)) / MiB).toFixed(0)}, base ${(baseBytes / MiB).toFixed(0)}`,
        )
      }
      for (const { child } of [idle, busy]) child.kill('SIGKILL')
      server.closeAllConnections()
      server.close()
      await rm(folder, { recursive: true, force: true })
      const boundBytes = bounds.memoryBytesMax + bounds.transientBytesMax + (disk ? diskBytes : 0)
      const most = (mostBytes - baseBytes - boundBytes) / MiB
      assert.ok(most * MiB <= runtimeBytes, `${most.toFixed(0)} MiB above base and bound`)
    },
  )
}
