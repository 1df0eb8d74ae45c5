import { RawConnection, rawRequest } from '../load-seckill-connection.ts'

/** An answer with its JSON body. */
export interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** Where the engine listens. */
export interface Target {
  readonly host: string
  readonly port: number
}

/** Somebody's connection to the engine, from an address of his own; opened anew where it breaks. */
export class Caller {
  readonly #target: Target
  readonly #from: string
  #connection: RawConnection | undefined

  constructor(target: Target, from: string) {
    this.#target = target
    this.#from = from
  }

  /** Calls it. Rejects where the connection breaks. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const { host, port } = this.#target
    if (!this.#connection || this.#connection.broken)
      this.#connection = new RawConnection(host, port, this.#from)
    await this.#connection.opened
    const text = body === undefined ? '' : JSON.stringify(body)
    const request = rawRequest(method, path, { host: `${host}:${port}`, ...headers }, text)
    const answer = await this.#connection.send(request)
    const parsed = answer.body.startsWith('{') ? (JSON.parse(answer.body) as Answer['body']) : {}
    return { status: answer.status, body: parsed }
  }

  close(): void {
    this.#connection?.close()
  }
}

/** Why an answer refused: its code, else its status. */
export function codeOf({ status, body }: Answer): string {
  const { code } = body
  return typeof code === 'string' ? code : `status_${status}`
}
