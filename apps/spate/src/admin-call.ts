import { resolve } from 'node:path'
import { loadAdminToken } from '@spate/http/admin-token'
import { createClient } from '@spate/http/client'
import type { ClientResponse } from '@spate/http/client-response'
import type { CommandContext } from '@spate/runtime/command'
import { Fault, errorCode } from '@spate/runtime/fault'
import { text, url, type TableOf } from '@spate/runtime/settings'

/** Where a call goes, and with what key. */
export interface CallSettings {
  readonly url: string
  readonly dataDir: string
  readonly adminToken: string | undefined
}

/** Settings of a command that calls a program, at `where` unless told otherwise. */
export const callSettings = (where: string, what: string): TableOf<CallSettings> => ({
  url: url(where, what),
  dataDir: text('.spate', 'Folder where the admin token is kept.'),
  adminToken: text(undefined, 'Admin token, where it is not in the data folder.', { secret: true }),
})

/** One call. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  /** For a stream: how long it may go on, ms. */
  readonly timeoutMs?: number
  /** Default the command's own: ends with Ctrl-C. */
  readonly signal?: AbortSignal
}

/** Calls a program that runs and gives `use` its answer. Throws a `Fault` that says why not. */
export async function called<Result>(
  context: CommandContext,
  { method, path, body, timeoutMs = 30_000, signal = context.signal }: Call,
  use: (answer: ClientResponse) => Promise<Result>,
): Promise<Result> {
  const { host, clock, chance } = context
  const settings = context.settings as unknown as CallSettings
  const folder = resolve(host.cwd, settings.dataDir)
  const token = await loadAdminToken({ configured: settings.adminToken, dataDir: folder })
  const client = createClient({ clock, chance, limits: { bytesMax: Number.POSITIVE_INFINITY } })
  try {
    const answer = await client.fetch(`${settings.url.replace(/\/$/, '')}${path}`, {
      method,
      headers: ['authorization', `Bearer ${token.value}`, 'content-type', 'application/json'],
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutMs,
      signal,
    })
    if (answer.ok) return await use(answer)
    const said = (await answer.text()).slice(0, 400)
    throw new Fault('bad_gateway', `${settings.url} answered ${answer.status}: ${said}`)
  } catch (caught) {
    const { cause, code, message } = Fault.from(caught)
    if (!(cause instanceof Error)) throw caught
    throw new Fault(
      code,
      `${settings.url}: ${message}: ${errorCode(cause) ?? cause.message}. Does it run there? See --url.`,
      { cause: caught },
    )
  } finally {
    await client.close()
  }
}

/** As `called`, for the text of the answer. */
export function call(context: CommandContext, what: Call): Promise<string> {
  return called(context, what, (answer) => answer.text())
}
