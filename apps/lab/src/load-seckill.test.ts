import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { systemClock } from '@spate/runtime/clock'
import { SeededChance } from '@spate/runtime/chance'
import type { Host } from '@spate/runtime/host'
import { silentLog } from '@spate/runtime/log'
import { loadSeckillCommand, type LoadReport } from './load-seckill.ts'
import { LatencyBook } from './load-seckill-latency.ts'

/** A sale that keeps its book in a map; `lie` makes it a bad one. */
async function sale(lie: 'none' | 'oversell' | 'lose'): Promise<{ url: string; close(): void }> {
  const orders: { orderId: string; userId: string; quantity: number; status: string }[] = []
  let stock = 0
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const text = Buffer.concat(parts).toString()
      const answer = (status: number, value: unknown): void => {
        const body = JSON.stringify(value)
        response.writeHead(status, { 'content-length': Buffer.byteLength(body) }).end(body)
      }
      const path = request.url ?? ''
      if (path === '/seckill/campaigns') {
        ;({ stock } = JSON.parse(text) as { stock: number })
        return answer(201, {})
      }
      if (path.startsWith('/seckill/orders')) return answer(200, { orders })
      if (path.startsWith('/seckill/audit')) return answer(200, { consistent: true })
      const { userId } = JSON.parse(text) as { userId: string }
      if (stock <= 0 && lie !== 'oversell') return answer(409, { code: 'sold_out' })
      stock--
      const orderId = `order-${userId}`
      if (lie !== 'lose' || orders.length > 0)
        orders.push({ orderId, userId, quantity: 1, status: 'reserved' })
      else orders.push({ orderId: 'x', userId: 'somebody', quantity: 1, status: 'cancelled' })
      return answer(200, { orderId })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() }
}

async function load(url: string): Promise<{ code: number; report: LoadReport }> {
  const written: string[] = []
  const host = { write: (text: string) => written.push(text), writeError: () => {} }
  const defaults = Object.fromEntries(
    Object.entries(loadSeckillCommand.settings).map(([name, row]) => [name, row.default]),
  )
  const given = { url, buyers: 60, stock: 10, connections: 4, ramp: 0, adminToken: 't'.repeat(16) }
  const code = await loadSeckillCommand.run({
    settings: { ...defaults, ...given } as never,
    words: [],
    json: true,
    host: host as unknown as Host,
    clock: systemClock,
    chance: new SeededChance(1),
    log: silentLog,
    addLogSink: () => {},
    reread: () => assert.fail('no settings to read again'),
    onSignal: () => {},
    signal: new AbortController().signal,
  })
  return { code, report: JSON.parse(written.join('')) as LoadReport }
}

test('a true sale passes; one that oversells or loses an order fails', async (t) => {
  const verdicts: [lie: 'none' | 'oversell' | 'lose', passed: boolean][] = [
    ['none', true],
    ['oversell', false],
    ['lose', false],
  ]
  for (const [lie, passed] of verdicts) {
    const server = await sale(lie)
    t.after(() => server.close())
    const { code, report } = await load(server.url)
    assert.equal(report.check.passed, passed, `${lie}: ${JSON.stringify(report)}`)
    assert.equal(code, passed ? 0 : 1)
    assert.equal(report.requests, 60)
  }
})

test('the latency book is exact on counts and means, and within 3 % on quantiles', () => {
  const book = new LatencyBook()
  for (let ms = 1; ms <= 1000; ms++) book.add(ms)
  assert.equal(book.count, 1000)
  assert.equal(book.meanMs, 500.5)
  for (const [quantile, exact] of [
    [0.5, 500],
    [0.9, 900],
    [0.99, 990],
  ] as const)
    assert(Math.abs(book.quantileMs(quantile) / exact - 1) < 0.03)
  assert.equal(book.quantileMs(1), 1000)
})
