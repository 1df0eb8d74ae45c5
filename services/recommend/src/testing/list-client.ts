import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Chance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'

/** Requests under way at once where as many as possible are sent. */
const connections = 8

/** The whole program in a process of its own, and a client of it. */
export interface ListServer {
  /** Asks for a list of 20 for some user; rejects where the answer is not 200. */
  ask(): Promise<void>
  /** The same round trip without a list: what the wire costs. */
  alive(): Promise<void>
  /** CPU time of the server for one of `count` calls of `task`, us, and calls a second. */
  cost(task: () => Promise<void>, count: number): Promise<{ us: number; perSecond: number }>
  stop(): Promise<void>
}

/** Starts `list-server.ts`; `ranked`: the built-in ranker takes part. */
export async function startListServer(ranked: boolean, chance: Chance): Promise<ListServer> {
  const folder = await mkdtemp(join(tmpdir(), 'spate-lists-'))
  const script = fileURLToPath(new URL('./list-server.ts', import.meta.url))
  const child = spawn('node', [script, folder, ranked ? 'ranked' : 'plain'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(line.toString())
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const send = (method: string, path: string, body?: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' }
      const options = { host: '127.0.0.1', port, path, method, agent, headers }
      const sent = request(options, (response) => {
        response.resume().once('end', () => {
          if (response.statusCode === 200) resolve()
          else reject(new Error(`${path} answered ${response.statusCode}`))
        })
      })
      sent.once('error', reject).end(body)
    })
  return {
    ask: () => {
      const userId = `user-${chance.integer(0, 19_999)}`
      return send('POST', '/recommend', JSON.stringify({ userId, numItems: 20 }))
    },
    alive: () => send('GET', '/health/live'),
    cost: async (task, count) => {
      const before = await cpuUs(child)
      const startMs = systemClock.elapsed()
      let left = count
      const lane = async (): Promise<void> => {
        while (left-- > 0) await task()
      }
      await Promise.all(Array.from({ length: connections }, lane))
      const perSecond = count / ((systemClock.elapsed() - startMs) / 1000)
      return { us: ((await cpuUs(child)) - before) / count, perSecond }
    },
    stop: async () => {
      agent.destroy()
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
      await rm(folder, { recursive: true })
    },
  }
}

/** CPU time of a process so far, us. Linux counts it in ticks of 10 ms. */
async function cpuUs(child: ChildProcess): Promise<number> {
  const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}
