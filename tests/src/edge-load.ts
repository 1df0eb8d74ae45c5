import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

/** What a load has seen. */
export interface LoadSeen {
  readonly requests: number
  /** What went wrong, in words. */
  readonly failed: readonly string[]
}

/** One client of a load: how it connects, how long it waits between requests, and what it asks for. */
export interface LoadClient {
  readonly keepAlive: boolean
  readonly pauseMs: number
  readonly method?: string
  readonly path: (turn: number) => string
}

/**
 * Asks `origin` again and again until `stop`; each answer must be 200 and tell its own path. Node's
 * client tries nothing twice, so a connection that is closed in its face is a failed request.
 */
export function startLoad(
  origin: string,
  clients: readonly LoadClient[],
): { readonly seen: () => LoadSeen; stop(): Promise<LoadSeen> } {
  const failed: string[] = []
  let requests = 0
  const work = { over: false }
  const run = async (client: LoadClient): Promise<void> => {
    const agent = new Agent({ keepAlive: client.keepAlive, maxSockets: 1 })
    for (let turn = 0; !work.over; turn++) {
      const path = client.path(turn)
      const wrong = await ask(`${origin}${path}`, client.method ?? 'GET', agent)
      if (wrong !== undefined) failed.push(`${client.method ?? 'GET'} ${path}: ${wrong}`)
      requests++
      await pause(client.pauseMs)
    }
    agent.destroy()
  }
  const running = clients.map(run)
  const seen = (): LoadSeen => ({ requests, failed })
  return {
    seen,
    stop: async () => {
      work.over = true
      await Promise.all(running)
      return seen()
    },
  }
}

/** What is wrong with the answer; undefined where nothing is. */
function ask(url: string, method: string, agent: Agent): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request(url, { method, agent }, (answer) => {
      let body = ''
      answer.on('data', (piece: Buffer) => (body += piece.toString()))
      answer.on('error', (caught) => resolve(`cut off: ${caught.message}`))
      answer.on('end', () => {
        const right = answer.statusCode === 200 && body === bodyOf(new URL(url).pathname)
        resolve(right ? undefined : `${answer.statusCode} ${body.slice(0, 40)}`)
      })
    })
    asked.on('error', (caught) => resolve(caught.message))
    asked.end()
  })
}

/** What the origin says at `path`. */
export function bodyOf(path: string): string {
  return `at ${path} `.repeat(20)
}
