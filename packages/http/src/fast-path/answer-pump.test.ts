import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { test } from 'node:test'
import type { BodyStream } from '../exchange.ts'
import { pump, turnBytesMax } from './answer-pump.ts'
import type { FastRequest } from './fast-request.ts'

const total = 3 * turnBytesMax + 1

/** All there from the start: nothing but the pump itself makes a pause. */
async function* pieces(): BodyStream {
  for (let left = total; left > 0; left -= 65_536) yield Buffer.alloc(Math.min(left, 65_536))
}

const bodies = { whole: Buffer.alloc(total), 'piece by piece': pieces() }

for (const [kind, body] of Object.entries(bodies)) {
  test(`a large body, ${kind}, leaves turns to others though its client takes all at once`, async () => {
    let sent = 0
    const target = {
      socket: new Socket(),
      send: (bytes: Uint8Array): boolean => {
        sent += bytes.length
        return true
      },
      signal: () => new AbortController().signal,
    }
    const headers = ['content-length', String(total)]
    const done = pump(target, { close: false } as FastRequest, { status: 200, headers, body })
    const turns = [turnBytesMax, 2 * turnBytesMax, 3 * turnBytesMax, total]
    for (const bytes of turns) {
      await new Promise<void>((resolve) => void setImmediate(resolve))
      assert.equal(sent, bytes)
    }
    assert.equal(await done, total)
  })
}
