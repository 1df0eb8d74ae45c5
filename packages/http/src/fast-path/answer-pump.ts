import type { Socket } from 'node:net'
import { bodyUntilClosed } from '../body-until-closed.ts'
import type { BodyStream, Response } from '../exchange.ts'
import { isEventStream } from '../sse.ts'
import { meaning } from './answer-batch.ts'
import type { FastRequest } from './fast-request.ts'

/** Pieces of a large whole body. */
const pieceBytes = 65_536
/** Most bytes one answer sends in a turn of the event loop, however fast its client reads: others have a turn too. */
export const turnBytesMax = 131_072

/** Where pieces go. */
export interface PumpTarget {
  readonly socket: Socket
  send(bytes: Uint8Array): boolean
  signal(): AbortSignal
}

/**
 * Sends a body piece by piece, never faster than the client reads, and returns its length. The
 * head has been written. A client that goes away stops the producer (`return()` of its iterator);
 * a producer that fails cuts the connection, because the rest of the body cannot be made up.
 */
export async function pump(
  target: PumpTarget,
  request: FastRequest,
  answer: Response,
): Promise<number> {
  const length = givenLength(answer.headers)
  let sent = 0
  let turnBytes = 0
  const put = async (piece: Uint8Array): Promise<void> => {
    if (turnBytes >= turnBytesMax) {
      turnBytes = 0
      await nextTurn()
    }
    turnBytes += piece.length
    await putPiece(target, piece)
  }
  try {
    const whole = wholeBody(answer)
    if (whole !== undefined) {
      for (; sent < whole.length; sent += pieceBytes) {
        await put(whole.subarray(sent, sent + pieceBytes))
      }
      return whole.length
    }
    if (isEventStream(answer.headers)) request.exchange.streams()
    for await (const piece of bodyUntilClosed(answer.body as BodyStream, target.socket)) {
      if (piece.length === 0) continue
      sent += piece.length
      if (length !== undefined && sent > length) throw new Error('longer than its Content-Length')
      await put(length === undefined ? chunk(piece) : piece)
    }
    if (length === undefined) await put(lastChunk)
    else if (sent < length) throw new Error('shorter than its Content-Length')
  } catch {
    request.close = true
    target.socket.destroy()
  }
  return sent
}

/** The bytes of a body that is whole; undefined where it is a stream. */
export function wholeBody(answer: Response): Uint8Array | undefined {
  const { body } = answer
  if (body === undefined) return undefined
  if (typeof body === 'string') return Buffer.from(body)
  return body instanceof Uint8Array ? body : undefined
}

/** The `Content-Length` a handler gave; undefined where it gave none that is a whole number. */
export function givenLength(headers: readonly string[]): number | undefined {
  for (let at = 0; at < headers.length; at += 2) {
    if (meaning(headers[at] as string) !== 'length') continue
    const value = headers[at + 1] as string
    return /^\d{1,15}$/.test(value) ? Number(value) : undefined
  }
  return undefined
}

const lastChunk = Buffer.from('0\r\n\r\n')

function chunk(piece: Uint8Array): Buffer {
  const size = Buffer.from(`${piece.length.toString(16)}\r\n`, 'latin1')
  return Buffer.concat([size, piece, crlf])
}

const crlf = Buffer.from('\r\n')

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** Sends a piece and waits until the client has taken enough for the next one. */
async function putPiece(target: PumpTarget, piece: Uint8Array): Promise<void> {
  const { socket } = target
  if (socket.destroyed) throw new Error('the client went away')
  if (target.send(piece)) return
  await new Promise<void>((resolve, reject) => {
    const go = (): void => {
      socket.off('drain', go)
      socket.off('close', stop)
      resolve()
    }
    const stop = (): void => {
      socket.off('drain', go)
      reject(new Error('the client went away'))
    }
    socket.on('drain', go)
    socket.once('close', stop)
  })
}
