import { errorText } from '@spate/runtime/fault'
import type { Asker } from './quiet-client.ts'

/** One question to a program. */
export interface Question {
  readonly url: string
  readonly method?: 'GET' | 'POST' | 'PATCH'
  readonly body?: unknown
  /** Admin token as a user typed it; sent on and forgotten. */
  readonly token?: string
  readonly timeoutMs: number
}

/** What came back: an answer, or why there is none. */
export type Reply =
  | { readonly kind: 'answered'; readonly status: number; readonly value: unknown }
  | { readonly kind: 'silent'; readonly why: string }

/** Asks a program for JSON. Never throws: the page says what went wrong. */
export async function ask(asker: Asker, question: Question): Promise<Reply> {
  const { url, method = 'GET', body, token, timeoutMs } = question
  try {
    const answer = await asker.fetch(url, {
      method,
      timeoutMs,
      headers: {
        accept: 'application/json',
        'accept-language': 'en',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return { kind: 'answered', status: answer.status, value: text === '' ? {} : JSON.parse(text) }
  } catch (caught) {
    return { kind: 'silent', why: errorText(caught) }
  }
}

/** `value` as an object; empty where it is none. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {}
}

/** What a refusal says, for people: its detail or message, and its code. */
export function refusalOf(reply: Reply): string {
  if (reply.kind === 'silent') return `No answer: ${reply.why}.`
  const body = recordOf(reply.value)
  const words = [body['message'], body['detail'], body['title']].find(
    (each): each is string => typeof each === 'string',
  )
  return `Refused with ${reply.status}${typeof body['code'] === 'string' ? ` (${body['code']})` : ''}: ${words ?? 'no reason given'}`
}
