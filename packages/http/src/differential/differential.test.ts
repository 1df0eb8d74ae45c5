import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import { listen } from '../listener.ts'
import {
  type Case,
  mutatedCases,
  pipelinedCases,
  plainCases,
  splitCases,
  writtenCases,
} from './corpus.ts'
import { dialogue, digest, seenHeader, type Told, written } from './dialogue.ts'
import { type Verdict, verdictOf } from './verdict.ts'

const together = 32
const seed = Number(process.env['SPATE_SEED'] ?? 20_261_123)
/** Multiplies the random part: `SPATE_CORPUS=20 node --test ...` for a long run. */
const scale = Number(process.env['SPATE_CORPUS'] ?? 1)

async function bareServer(): Promise<{ port: number; close: () => void }> {
  const unanswered = new WeakMap<Duplex, number>()
  const count = (socket: Duplex, by: number): unknown =>
    unanswered.set(socket, (unanswered.get(socket) ?? 0) + by)
  const server = createServer(async (message, response) => {
    count(message.socket, 1)
    response.once('close', () => count(message.socket, -1))
    const pieces: Buffer[] = []
    try {
      for await (const piece of message) pieces.push(piece as Buffer)
    } catch {
      return
    }
    const seen = {
      method: message.method ?? '',
      target: message.url ?? '',
      httpVersion: message.httpVersion,
      raw: message.rawHeaders,
      body: digest(Buffer.concat(pieces)),
    }
    response.writeHead(200, [seenHeader, written(seen), 'Content-Length', '2']).end('ok')
  })
  server.maxHeadersCount = 0
  // By default an error in the bytes behind a request cuts off the answer to that request, where
  // both came in one read. What was taken would not show; so the refusal waits for the answers.
  server.on('clientError', (_caught, socket) => {
    const refuse = (turns: number): void => {
      if (unanswered.get(socket) && turns > 0) setImmediate(refuse, turns - 1)
      else socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')
    }
    refuse(5)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}

function corpus(): Case[] {
  const chance = new SeededChance(seed)
  const hand = writtenCases()
  const plain = plainCases()
  return [
    ...hand,
    ...splitCases(hand.slice(0, 60), 90),
    ...splitCases(plain, 400),
    ...pipelinedCases(plain, chance, 400 * scale),
    ...pipelinedCases(hand, chance, 600 * scale),
    ...mutatedCases(plain, chance, 1500 * scale),
    ...mutatedCases(hand, chance, 500 * scale),
  ]
}

test('our listener takes what node:http takes, reads it the same, or is stricter', async (context) => {
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    acceptors: 4,
    clock: systemClock,
    log: silentLog,
    handler: async (request) => {
      const { method, target, httpVersion } = request
      const body = digest(await request.body.bytes())
      const seen = { method, target, httpVersion, raw: request.headers.raw, body }
      return { status: 200, headers: [seenHeader, written(seen)], body: 'ok' }
    },
  })
  const bare = await bareServer()
  context.after(() => listener.close(AbortSignal.abort()))
  context.after(() => bare.close())

  const counts: Record<Verdict, number> = {
    same: 0,
    stricter: 0,
    looser: 0,
    different: 0,
    garbled: 0,
  }
  const wrong: { case: Case; verdict: Verdict; ours: Told; bare: Told }[] = []
  const stricter = new Map<string, string>()
  const cases = corpus()
  let next = 0
  const work = async (): Promise<void> => {
    for (let at = next++; at < cases.length; at = next++) {
      const each = cases[at] as Case
      const [ours, other] = [await dialogue(listener.port, each), await dialogue(bare.port, each)]
      const verdict = verdictOf(ours, other)
      counts[verdict]++
      if (verdict === 'stricter') stricter.set(each.name, ours.refused.join())
      else if (verdict !== 'same') wrong.push({ case: each, verdict, ours, bare: other })
    }
  }
  await Promise.all(Array.from({ length: together }, work))

  const { fast, node, handedOver } = listener.counters
  context.diagnostic(`seed ${seed}: ${cases.length} cases: ${JSON.stringify(counts)}`)
  context.diagnostic(`requests by path: fast ${fast}, node:http ${node}; handed over ${handedOver}`)
  if (process.env['SPATE_SHOW_STRICTER']) {
    for (const [name, status] of stricter) context.diagnostic(`stricter ${status}: ${name}`)
  }
  assert.ok(cases.length >= 5000, `only ${cases.length} cases`)
  assert.ok(fast > 2000 && node > 1000, 'both paths were taken')
  for (const each of wrong.slice(0, 40)) context.diagnostic(`${each.verdict}: ${each.case.name}`)
  assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} wrong, seed ${seed}`)
})
