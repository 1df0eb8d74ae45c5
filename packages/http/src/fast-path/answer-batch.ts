/**
 * Puts answers into bytes. The sync answers of one read of one connection go into one batch and
 * out in one write. A listener has one batch: it is always empty between turns.
 */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import type { Clock } from '@spate/runtime/clock'
import type { PreparedResponse, Response } from '../exchange.ts'
import { reasonOf } from '../refusal.ts'

const batchBytes = 65_536
/** Date, Connection, the chunked line and the empty line fit into this. */
const tailBytesMax = 160

/** How one answer is to be framed. */
export interface Framing {
  /** True for an answer to HEAD. */
  readonly head: boolean
  /** True where the connection ends with this answer. */
  readonly close: boolean
}

/** Collects bytes for one socket at a time. */
export class AnswerBatch {
  #bytes = Buffer.allocUnsafeSlow(batchBytes)
  #length = 0
  #second = -1
  #dateText = ''
  #dateBytes = Buffer.alloc(0)
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get length(): number {
    return this.#length
  }

  /** True where `bytes` more fit. */
  fits(bytes: number): boolean {
    return this.#length + bytes <= batchBytes
  }

  /** Appends an answer whose bytes are made; returns false, and appends nothing, where it does not fit. */
  prepared(answer: PreparedResponse, framing: Framing): boolean {
    const { head, body } = answer
    const bodyLength = framing.head || bodyless(answer.status) ? 0 : body.length
    if (!this.fits(head.length + bodyLength + tailBytesMax)) return false
    const bytes = this.#bytes
    let at = this.#length
    bytes.set(head, at)
    at += head.length
    if (framing.close) at += bytes.write('Connection: close\r\n', at, 'latin1')
    if (answer.dated) {
      bytes[at++] = 13
      bytes[at++] = 10
    } else {
      this.#tick()
      bytes.set(this.#dateBytes, at)
      at += this.#dateBytes.length
    }
    if (bodyLength > 0) {
      bytes.set(body, at)
      at += bodyLength
    }
    this.#length = at
    return true
  }

  /** Appends `head` (see `headText`) and a body of `length` bytes; false, and nothing, where they do not fit. */
  whole(head: string, body: Uint8Array | string, length: number): boolean {
    if (!this.fits(head.length + length)) return false
    this.#length += this.#bytes.write(head, this.#length, 'latin1')
    if (length === 0) return true
    if (typeof body === 'string') this.#bytes.write(body, this.#length)
    else this.#bytes.set(body, this.#length)
    this.#length += length
    return true
  }

  /** The head of `answer`, ended by the empty line. `length` undefined means chunked. */
  headText(answer: Response, length: number | undefined, framing: Framing): string {
    const { status, headers } = answer
    let text = statusLine(status)
    let dated = false
    let givenLength: string | undefined
    for (let at = 0; at < headers.length; at += 2) {
      const name = headers[at] as string
      const value = headers[at + 1] as string
      switch (meaning(name)) {
        case 'length':
          givenLength = value
          continue
        case 'hop':
          continue
        case 'date':
          dated = true
          break
        case 'plain':
      }
      assert.ok(isFieldName(name) && isFieldValue(value), `header ${name} cannot be sent`)
      text += `${name}: ${value}\r\n`
    }
    if (!lengthless(status)) {
      const unsent = framing.head || status === 304
      const kept = unsent ? (givenLength ?? shownLength(answer, length)) : length
      if (kept !== undefined) text += `Content-Length: ${kept}\r\n`
      else if (!framing.head && status !== 304) text += 'Transfer-Encoding: chunked\r\n'
    }
    if (framing.close) text += 'Connection: close\r\n'
    if (dated) return `${text}\r\n`
    this.#tick()
    return text + this.#dateText
  }

  /** Writes what was collected to `socket`, and is empty again. */
  flush(socket: Socket): void {
    const length = this.#length
    this.#length = 0
    if (length === 0 || socket.destroyed) return
    socket.write(this.#bytes.subarray(0, length))
    // What the kernel took at once is free again; otherwise the bytes now belong to that write.
    if (socket.writableLength > 0) this.#bytes = Buffer.allocUnsafeSlow(batchBytes)
  }

  #tick(): void {
    const now = this.#clock.now()
    const second = Math.floor(now / 1000)
    if (second === this.#second) return
    this.#second = second
    this.#dateText = `Date: ${new Date(now).toUTCString()}\r\n\r\n`
    this.#dateBytes = Buffer.from(this.#dateText, 'latin1')
  }
}

const statusLines: (string | undefined)[] = []

/** `HTTP/1.1 200 OK` and CRLF. */
export function statusLine(status: number): string {
  const known = statusLines[status]
  if (known !== undefined) return known
  assert.ok(Number.isInteger(status) && status >= 100 && status <= 999, `status ${status}`)
  return (statusLines[status] = `HTTP/1.1 ${status} ${reasonOf(status)}\r\n`)
}

/** An interim answer (RFC 9110 section 15.2) as bytes. */
export function interimBytes(status: number, headers: readonly string[]): Buffer {
  assert.ok(status >= 100 && status < 200 && status !== 101, `${status} is not interim`)
  let text = statusLine(status)
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] as string
    const value = headers[at + 1] as string
    assert.ok(isFieldName(name) && isFieldValue(value), `header ${name} cannot be sent`)
    text += `${name}: ${value}\r\n`
  }
  return Buffer.from(`${text}\r\n`, 'latin1')
}

/** True where an answer of this status has no body whatever its headers say (RFC 9110 section 6.4.1). */
export function bodyless(status: number): boolean {
  return status === 204 || status === 304 || status < 200
}

/** True where `Content-Length` must not be sent (RFC 9110 section 8.6). */
const lengthless = (status: number): boolean => status === 204 || status < 200

function shownLength(answer: Response, length: number | undefined): number | undefined {
  // A 304 or an answer to HEAD without a body says nothing about the length of the real one.
  return answer.body === undefined ? undefined : length
}

/** What a header given by a handler means to the framing. */
export function meaning(name: string): 'plain' | 'length' | 'hop' | 'date' {
  switch (name.length) {
    case 4:
      return name.toLowerCase() === 'date' ? 'date' : 'plain'
    case 7:
      return name.toLowerCase() === 'upgrade' ? 'hop' : 'plain'
    case 10: {
      const lower = name.toLowerCase()
      return lower === 'connection' || lower === 'keep-alive' ? 'hop' : 'plain'
    }
    case 14:
      return name.toLowerCase() === 'content-length' ? 'length' : 'plain'
    case 17:
      return name.toLowerCase() === 'transfer-encoding' ? 'hop' : 'plain'
    default:
      return 'plain'
  }
}

const knownNames = new Set<string>()
const knownNamesMax = 1_000

function isFieldName(name: string): boolean {
  if (knownNames.has(name)) return true
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return false
  if (knownNames.size < knownNamesMax) knownNames.add(name)
  return true
}

/** Refuses line ends and other control characters: no handler can split a response. */
function isFieldValue(value: string): boolean {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at)
    if (code > 0xff || code === 0x7f || (code < 0x20 && code !== 9)) return false
  }
  return true
}
