import type { CallOptions, Client } from '@spate/http/client'
import type { ClientResponse } from '@spate/http/client-response'
import type { Chance } from '@spate/runtime/chance'

/** The part of a client that asks. */
export type Asker = Pick<Client, 'fetch'>

/**
 * Asks programs without leaving traces: each call says that its trace is not sampled, so that
 * watching does not fill the store it watches (W3C Trace Context section 3.2.2.5). Failures are
 * kept by the programs all the same.
 */
export function quietClient(client: Client, chance: Chance): Asker {
  const hex = (words: number): string =>
    Array.from({ length: words }, () =>
      ((chance.uint32() | 1) >>> 0).toString(16).padStart(8, '0'),
    ).join('')
  return {
    fetch(url: string | URL, options: CallOptions = {}): Promise<ClientResponse> {
      const traceparent = `00-${hex(4)}-${hex(2)}-00`
      const headers = { traceparent, ...(options.headers as Readonly<Record<string, string>>) }
      return client.fetch(url, { ...options, headers })
    },
  }
}
