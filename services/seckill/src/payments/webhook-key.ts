import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Headers } from '@spate/http/exchange'
import { Fault } from '@spate/runtime/fault'

/**
 * Signatures of webhooks by the Standard Webhooks specification 1.0: HMAC-SHA256 over
 * `id.timestamp.body`, so that neither the body nor its moment can be changed; a recorded call is
 * believed only while it is young.
 */

/** What is believed and how long. */
export interface WebhookKeyOptions {
  /** `whsec_` and base64, or any text. */
  readonly secret: string
  /** How far a call's moment may be from ours, ms. */
  readonly ageMsMax: number
}

const version = 'v1'
/** Most signatures looked at in one header: a provider sends two while it changes its key. */
export const signaturesMax = 4

/** Signs and checks with one shared key. */
export class WebhookKey {
  readonly #key: Buffer
  readonly #ageMsMax: number

  constructor({ secret, ageMsMax }: WebhookKeyOptions) {
    this.#key = secret.startsWith('whsec_')
      ? Buffer.from(secret.slice('whsec_'.length), 'base64')
      : Buffer.from(secret)
    this.#ageMsMax = ageMsMax
  }

  /** Header lines of a call with this body; `nowMs` is wall time. */
  sign(id: string, body: Uint8Array | string, nowMs: number): Record<string, string> {
    const timestamp = String(Math.floor(nowMs / 1000))
    return {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `${version},${this.#digest(id, timestamp, body).toString('base64')}`,
    }
  }

  /** Throws `unauthorized` unless the headers carry a fitting signature of a moment near `nowMs`. Constant time. */
  check(headers: Pick<Headers, 'get'>, body: Uint8Array, nowMs: number): void {
    const id = headers.get('webhook-id') ?? ''
    const timestamp = headers.get('webhook-timestamp') ?? ''
    const given = (headers.get('webhook-signature') ?? '').split(' ').slice(0, signaturesMax)
    if (id === '' || !/^\d{1,12}$/.test(timestamp))
      throw new Fault('unauthorized', 'webhook-id and webhook-timestamp are needed')
    const wanted = this.#digest(id, timestamp, body)
    let fits = false
    for (const each of given) {
      const [kind, text = ''] = each.split(',')
      const bytes = Buffer.from(text, 'base64')
      if (kind === version && bytes.length === wanted.length && timingSafeEqual(bytes, wanted))
        fits = true
    }
    if (!fits) throw new Fault('unauthorized', 'the signature of the webhook does not fit')
    if (Math.abs(nowMs - Number(timestamp) * 1000) > this.#ageMsMax)
      throw new Fault('unauthorized', 'the webhook is too old, or of the future')
  }

  #digest(id: string, timestamp: string, body: Uint8Array | string): Buffer {
    return createHmac('sha256', this.#key).update(`${id}.${timestamp}.`).update(body).digest()
  }
}
