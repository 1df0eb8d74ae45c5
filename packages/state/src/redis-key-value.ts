import { createClient, ErrorReply, RESP_TYPES } from '@redis/client'
import type { Clock, Timer } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'

import type { ByteKeyValue, KeepOptions } from './key-value.ts'

/** How to reach a Redis, and limits of the way there. */
export interface RedisKeyValueOptions {
  /** `redis://user:password@host:port/database`, or `rediss://`. */
  readonly url: string
  readonly clock: Clock
  readonly log: Log
  /** Put before every key. Default: nothing. */
  readonly prefix?: string
  /** Longest wait for an answer, ms. Default 1 s. */
  readonly deadlineMs?: number
  /** Silence in spite of calls after which the connection is made anew, ms. Default 5 s. */
  readonly silenceMsMax?: number
  /** Most calls under way. Default 10,000. */
  readonly pendingMax?: number
  /** Most bytes of values on their way there. Default 16 MiB. */
  readonly pendingBytesMax?: number
}

/** First pause before another connection, and the longest, ms. */
const reconnectMs = { first: 50, longest: 1000 }

type Client = ReturnType<typeof createClient>

/**
 * A key-value store in Redis. A call never waits for a connection: while there is none it is refused,
 * and one that was sent has `deadlineMs`. A call that was refused after it was sent may have been
 * carried out. Connects in the background, again and again.
 */
export class RedisKeyValue implements ByteKeyValue {
  readonly #options: Required<Omit<RedisKeyValueOptions, 'url'>> & { readonly url: string }
  #client: Client
  #history: string | undefined
  #closed = false
  #pending = 0
  #pendingBytes = 0
  /** Monotonic ms of the last sign of life. */
  #heardMs = 0
  #away = false
  readonly #watch: Timer

  constructor(options: RedisKeyValueOptions) {
    this.#options = {
      prefix: '',
      deadlineMs: 1000,
      silenceMsMax: 5000,
      pendingMax: 10_000,
      pendingBytesMax: 16 * 1024 ** 2,
      ...options,
    }
    this.#client = this.#connect()
    this.#watch = options.clock.every(this.#options.silenceMsMax / 4, () => this.#notice())
  }

  get history(): string | undefined {
    return this.#history
  }

  /** Resolves once the store can be asked; rejects with `signal.reason`. */
  async connected(signal: AbortSignal): Promise<void> {
    while (this.#history === undefined) await this.#options.clock.sleep(5, signal)
  }

  async get(key: string): Promise<string | undefined> {
    const value = await this.#call(0, (client) => client.get(this.#name(key)))
    return value ?? undefined
  }

  async getBytes(key: string): Promise<Uint8Array | undefined> {
    const asBytes = { [RESP_TYPES.BLOB_STRING]: Buffer }
    const value = await this.#call(0, (client) =>
      client.withTypeMapping(asBytes).get(this.#name(key)),
    )
    return value ?? undefined
  }

  async set(key: string, value: string, options: KeepOptions = {}): Promise<void> {
    await this.#set(key, value, options)
  }

  async setBytes(key: string, value: Uint8Array, options: KeepOptions = {}): Promise<void> {
    const { buffer, byteOffset, length } = value
    await this.#set(key, Buffer.from(buffer, byteOffset, length), options)
  }

  async delete(key: string): Promise<boolean> {
    return (await this.#call(0, (client) => client.del(this.#name(key)))) > 0
  }

  async increment(key: string, by: number, options: KeepOptions = {}): Promise<number> {
    const [ttlMs = ''] = ttlOf(options)
    const asked = { keys: [this.#name(key)], arguments: [String(by), ttlMs] }
    return Number(await this.#call(0, (client) => client.eval(incrementScript, asked)))
  }

  async compareAndSet(
    key: string,
    expected: string | undefined,
    next: string,
    options: KeepOptions = {},
  ): Promise<boolean> {
    const [ttlMs = ''] = ttlOf(options)
    const known = expected === undefined ? ['none', ''] : ['value', expected]
    const asked = { keys: [this.#name(key)], arguments: [...known, next, ttlMs] }
    return (await this.#call(next.length, (client) => client.eval(swapScript, asked))) === 1
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#watch.cancel()
    this.#history = undefined
    this.#client.destroy()
  }

  async #set(key: string, value: string | Buffer, options: KeepOptions): Promise<void> {
    const [ttlMs] = ttlOf(options)
    const how = ttlMs === undefined ? {} : { PX: Number(ttlMs) }
    await this.#call(value.length, (client) => client.set(this.#name(key), value, how))
  }

  #name(key: string): string {
    return this.#options.prefix + key
  }

  /** Sends one command; `bytes` is what it carries. */
  async #call<Answer>(bytes: number, ask: (client: Client) => Promise<Answer>): Promise<Answer> {
    const { clock, deadlineMs, pendingMax, pendingBytesMax } = this.#options
    if (!this.#client.isReady) throw new Fault('store_unavailable', 'Redis is away')
    if (this.#pending >= pendingMax || this.#pendingBytes + bytes > pendingBytesMax)
      throw new Fault('overloaded', 'too much is on its way to Redis', { retryAfterSeconds: 1 })
    if (this.#pending === 0) this.#heardMs = clock.elapsed()
    this.#pending++
    this.#pendingBytes += bytes
    const late = Promise.withResolvers<never>()
    const timer = clock.after(deadlineMs, () =>
      late.reject(new Fault('store_unavailable', `no answer of Redis within ${deadlineMs} ms`)),
    )
    const asked = ask(this.#client).finally(() => {
      this.#pending--
      this.#pendingBytes -= bytes
      this.#heardMs = clock.elapsed()
    })
    asked.catch(() => {
      // Whoever called hears of it, or was told that it is late.
    })
    try {
      return await Promise.race([asked, late.promise])
    } catch (caught) {
      throw faultOf(caught)
    } finally {
      timer.cancel()
    }
  }

  /** A connection that takes calls and says nothing is given up: what hangs in it fails. */
  #notice(): void {
    const { clock, log, silenceMsMax } = this.#options
    if (this.#pending === 0 || clock.elapsed() - this.#heardMs < silenceMsMax) return
    log.warn('Redis says nothing; connecting anew', { pending: this.#pending })
    this.#history = undefined
    this.#client.destroy()
    this.#client = this.#connect()
  }

  #connect(): Client {
    const { url, clock, log } = this.#options
    const client: Client = createClient({
      url,
      disableOfflineQueue: true,
      socket: {
        connectTimeout: 2000,
        reconnectStrategy: (tries) =>
          Math.min(reconnectMs.first * 2 ** Math.min(tries, 10), reconnectMs.longest),
      },
    })
    client.on('error', (caught: unknown) => {
      if (client !== this.#client || this.#closed) return
      this.#history = undefined
      if (this.#away) return
      this.#away = true
      log.warn('Redis is away', { why: Fault.from(caught).message })
    })
    client.on('ready', () => {
      this.#history = undefined
      this.#heardMs = clock.elapsed()
      // Owner: this line; where it fails the connection does too, and all begins again.
      void this.#identify(client)
    })
    // Owner: the client, which goes on until it is destroyed.
    client.connect().catch((caught: unknown) => {
      if (client === this.#client && !this.#closed)
        log.error('Redis cannot be used', { why: Fault.from(caught).message })
    })
    return client
  }

  /** The history is that of one server process: another one may have started from an older file. */
  async #identify(client: Client): Promise<void> {
    try {
      const run = /^run_id:(\w+)/m.exec(await client.info('server'))?.[1]
      if (client !== this.#client || this.#closed) return
      this.#history = run
      if (run === undefined) this.#options.log.error('Redis does not say which run it is')
      if (this.#away) this.#options.log.info('Redis is back')
      this.#away = false
    } catch (caught) {
      if (client === this.#client && !this.#closed)
        this.#options.log.warn('Redis went away', { why: Fault.from(caught).message })
    }
  }
}

/** Life time as Redis takes it; empty where there is none. */
function ttlOf({ ttlMs }: KeepOptions): readonly string[] {
  return ttlMs === undefined ? [] : [String(Math.max(1, Math.ceil(ttlMs)))]
}

function faultOf(caught: unknown): Fault {
  if (caught instanceof Fault) return caught
  const cause = { cause: caught }
  if (caught instanceof ErrorReply && caught.message.includes('not an integer'))
    return new Fault('conflict', 'the value is not a number', cause)
  if (caught instanceof ErrorReply && caught.message.startsWith('OOM'))
    return new Fault('overloaded', 'Redis is full', { ...cause, retryAfterSeconds: 1 })
  return new Fault('store_unavailable', `Redis: ${Fault.from(caught).message}`, cause)
}

const incrementScript = `local made = redis.call('EXISTS', KEYS[1]) == 0
local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
if made and ARGV[2] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return sum`

const swapScript = `local now = redis.call('GET', KEYS[1])
if ARGV[1] == 'none' then if now then return 0 end
elseif now ~= ARGV[2] then return 0 end
if ARGV[4] == '' then redis.call('SET', KEYS[1], ARGV[3])
else redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]) end
return 1`
