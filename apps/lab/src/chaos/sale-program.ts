import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join, normalize } from 'node:path'
import { createInterface } from 'node:readline'

const program = normalize(join(import.meta.dirname, '../../../spate/bin/spate.mjs'))

/** `spate seckill` in a process of its own, killed and started again on one data folder and port. */
export class SaleProgram {
  readonly #folder: string
  #child: ChildProcess | undefined
  #port = 0
  #token = ''

  /** `folder`: its data, kept between lives. */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** Port of its HTTP listener: the same in every life. */
  get port(): number {
    return this.#port
  }

  get token(): string {
    return this.#token
  }

  /** Starts it; resolves when it says it is ready. Rejects with what it printed where it ends first. */
  async start(): Promise<void> {
    const flags = ['--port', String(this.#port), '--grpc-port', '0', '--data-dir', this.#folder]
    const child = spawn('node', [program, 'seckill', ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    let errors = ''
    child.stderr.on(
      'data',
      (piece: Buffer) => (errors = `${errors}${piece.toString()}`.slice(-4000)),
    )
    let last = ''
    for await (const line of createInterface({ input: child.stdout })) {
      last = line
      const url = /"ready".*"traffic":"([^"]+)"/.exec(line)?.[1]
      if (url === undefined) continue
      this.#port = Number(new URL(url).port)
      this.#token = (await readFile(join(this.#folder, 'admin-token'), 'utf8')).trim()
      child.stdout.resume()
      return
    }
    throw new Error(`spate seckill did not start: ${last} ${errors}`)
  }

  /** Ends it as a power cut would; resolves when it is gone. */
  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  /** Ends it as an operator would: drained. */
  stop(): Promise<void> {
    return this.#end('SIGTERM')
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }
}
