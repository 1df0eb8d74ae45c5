import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * The designs benchmarks hold ours against, on a real redis-server of their own: one script for each
 * purchase, and the well-known four round trips (rate limit, lock, stock, unlock). The client is
 * thinner than any published one, so the controls are at their best.
 */

/** A redis-server of our own, with a connection to it. */
export interface RedisControl {
  /** Sends a command; resolves to its answer as text or number. */
  send(...words: readonly string[]): Promise<string | number>
  /** One purchase in one script: stock, limit and count in one step. True where it sold. */
  purchaseByScript(productId: string, userId: string): Promise<boolean>
  /** One purchase in four round trips, as the known design does it. True where it sold. */
  purchaseByFourTrips(productId: string, userId: string): Promise<boolean>
  close(): Promise<void>
}

const buyScript = `if tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0') > 0 then return -1 end
if tonumber(redis.call('GET', KEYS[1]) or '0') < 1 then return 0 end
redis.call('DECR', KEYS[1]) redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
redis.call('XADD', KEYS[3], '*', 'u', ARGV[1]) return 1`
const rateScript = `local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('EXPIRE', KEYS[1], 1) end return n`
const stockScript = `if tonumber(redis.call('GET', KEYS[1]) or '0') < 1 then return 0 end
redis.call('DECR', KEYS[1]) return 1`

/** Starts one on a socket in a temporary folder; undefined where redis-server is not installed. */
export async function startRedis(appendOnly: 'no' | 'always'): Promise<RedisControl | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-control-'))
  const path = join(folder, 'redis.sock')
  const persistence = appendOnly === 'no' ? ['no'] : ['yes', '--appendfsync', 'always']
  const words = ['--port', '0', '--unixsocket', path, '--dir', folder, '--save', '']
  const server = spawn('redis-server', [...words, '--appendonly', ...persistence], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const up = await Promise.race([
    once(server, 'error').then(() => false),
    waitFor(server, 'The server is now ready').then(() => true),
  ])
  if (!up) return undefined
  const link = new RespLink(connect(path))
  const [buySha, rateSha, stockSha] = await Promise.all(
    [buyScript, rateScript, stockScript].map((script) => link.send('SCRIPT', 'LOAD', script)),
  )
  const sha = (value: string | number | undefined): string => String(value)
  return {
    send: (...command) => link.send(...command),
    async purchaseByScript(productId, userId) {
      const keys = [`{${productId}}:stock`, `{${productId}}:users`, `{${productId}}:orders`]
      return (await link.send('EVALSHA', sha(buySha), '3', ...keys, userId)) === 1
    },
    async purchaseByFourTrips(productId, userId) {
      await link.send('EVALSHA', sha(rateSha), '1', `rate:${userId}`)
      const lock = `lock:${productId}:${userId}`
      if ((await link.send('SET', lock, '1', 'NX', 'EX', '10')) !== 'OK') return false
      const key = `{${productId}}:stock`
      const sold = (await link.send('EVALSHA', sha(stockSha), '1', key)) === 1
      await link.send('DEL', lock)
      return sold
    },
    async close() {
      link.close()
      server.kill('SIGTERM')
      if (server.exitCode === null) await once(server, 'exit')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function waitFor(server: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve) => {
    server.stdout?.on('data', (bytes: Buffer) => {
      if (bytes.includes(text)) resolve()
    })
  })
}

type Settle = (answer: string | number | Error) => void

/** The Redis protocol, as far as the controls use it; commands of one turn go in one write. */
class RespLink {
  readonly #socket: Socket
  readonly #waiting: Settle[] = []
  #head = 0
  #out: string[] = []
  #unread = ''

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text) => this.#read(String(text)))
  }

  send(...words: readonly string[]): Promise<string | number> {
    if (this.#out.length === 0)
      setImmediate(() => {
        this.#socket.write(this.#out.join(''), 'latin1')
        this.#out = []
      })
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
    this.#out.push(`*${words.length}\r\n${parts.join('')}`)
    return new Promise((resolve, reject) =>
      this.#waiting.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer))),
    )
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(text: string): void {
    this.#unread += text
    let at = 0
    for (;;) {
      const end = this.#unread.indexOf('\r\n', at)
      if (end < 0) break
      const line = this.#unread.slice(at + 1, end)
      const kind = this.#unread[at]
      let next = end + 2
      let answer: string | number | Error = line
      if (kind === ':') answer = Number(line)
      if (kind === '-') answer = new Error(line)
      if (kind === '$' && line !== '-1') {
        next += Number(line) + 2
        if (this.#unread.length < next) break
        answer = this.#unread.slice(end + 2, next - 2)
      }
      at = next
      this.#settle(answer)
    }
    this.#unread = this.#unread.slice(at)
  }

  #settle(answer: string | number | Error): void {
    this.#waiting[this.#head++]?.(answer)
    if (this.#head < 4096) return
    this.#waiting.splice(0, this.#head)
    this.#head = 0
  }
}
