import { STATUS_CODES } from 'node:http'
import { Fault } from '@spate/runtime/fault'
import type { Request, Response } from './exchange.ts'
import { problem } from './problem.ts'

/** The answer to anything a handler threw. `request` undefined where none was understood. */
export function faultResponse(caught: unknown, request: Request | undefined): Response {
  return problem(Fault.from(caught), request)
}

/** A refusal of the listener's own as bytes, for a connection that ends with it. */
export function refusalBytes(fault: Fault): Buffer {
  const { status, headers, body } = faultResponse(fault, undefined)
  const lines = [`HTTP/1.1 ${status} ${reasonOf(status)}`, 'Connection: close']
  for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`)
  lines.push(`content-length: ${Buffer.byteLength(body as string)}`, '', body as string)
  return Buffer.from(lines.join('\r\n'))
}

/** Reason phrase of `status` (RFC 9110 section 15); empty where it is not registered. */
export function reasonOf(status: number): string {
  return STATUS_CODES[status] ?? ''
}
