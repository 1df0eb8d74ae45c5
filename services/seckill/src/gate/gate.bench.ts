import { createHmac } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import type { BenchTable } from '@spate/runtime/bench'
import { secretBytes } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import type { SettingsOf } from '@spate/runtime/settings'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { draw } from './domain/draw.ts'
import { findProof, proves } from './domain/proof.ts'
import { seal, sealKey, unseal, type Note } from './domain/seal.ts'
import { Gate, gateRules } from './gate.ts'
import { rateLimitsOf, type Attempt, type RateLimitsSettings } from './rate-limits.ts'
import { RiskDesk } from './risk-desk.ts'
import { gateSettings, type GateSettings } from './settings.ts'

const rounds = 7
const calls = 50_000
const rate = '1000000/s'
const rates: RateLimitsSettings = {
  rateLimit: rate,
  rateBurst: undefined,
  rateKeysMax: 100_000,
  deviceRateLimit: rate,
  deviceRateBurst: undefined,
  userRateLimit: rate,
  userRateBurst: undefined,
  campaignRateLimit: rate,
  campaignRateBurst: undefined,
  globalRateLimit: rate,
  globalRateBurst: undefined,
}
const risks = {
  risk: 'on',
  riskHoldAt: 60,
  riskDenyAt: 90,
  riskPoints: [],
  riskTracesMax: 200_000,
  riskReviewsMax: 10_000,
} as const

const attempt = (n: number): Attempt => ({
  clientAddress: `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`,
  device: `device-${n}`,
  userId: `u${Math.imul(n, 0x9e3779b1) >>> 0}`,
  products: ['product-1'],
})

/** A whole gate, all its features off but for those of `over`. */
async function gateOf(folder: string, over: Partial<GateSettings>): Promise<Gate> {
  const defaults = Object.fromEntries(
    Object.entries(gateSettings).map(([name, row]) => [name, row.default]),
  ) as SettingsOf<typeof gateSettings>
  const settings = { ...defaults, trustedProxies: [], ...over }
  const { tracer, metrics } = noTelemetry
  const clock = systemClock
  return await Gate.open({
    settings,
    rules: await gateRules(settings, clock),
    folder: await mkdtemp(join(folder, 'gate-')),
    ledger: { campaign: () => undefined, now: () => clock.now() },
    clock,
    log: silentLog,
    tracer,
    metrics,
  })
}

/** What a purchase goes through before the ledger sees it. */
function pass(gate: Gate, { clientAddress, device, userId, products }: Attempt): unknown {
  const get = (name: string): string | undefined => (name === 'seckill-device' ? device : undefined)
  const headers = { get, has: () => false, all: () => [], raw: [] }
  const origin = { clientAddress, context: ROOT_CONTEXT, headers }
  const refused = gate.arrive(origin) ?? gate.ask(origin, userId, products)
  return refused ?? gate.ticketNumbers(userId, products, undefined)
}

/** Each check of the gate by itself, beside one HMAC by the standard library. */
export async function run(): Promise<BenchTable> {
  const secret = secretBytes(32)
  const keys = [sealKey(secret)] as const
  const bearer = { userId: 'user-12345678', productId: 'product-1', epoch: 1 }
  const note: Note = {
    kind: 'ticket',
    number: 'AAAAAAAAAAAA',
    bits: 0,
    notBeforeMs: 1,
    expiresMs: 1000,
  }
  const ticket = seal(keys[0], note, bearer)
  const forged = `${ticket.slice(0, 55)}${ticket.endsWith('A') ? 'B' : 'A'}`
  const now = { bearer, nowMs: 500 }
  const signed = Buffer.alloc(52, 7)
  const limits = rateLimitsOf(rates, systemClock)
  const desk = new RiskDesk(risks, systemClock)
  const proof = findProof(ticket, 8, 0, 1 << 20) ?? ''
  const folder = await mkdtemp(join(tmpdir(), 'gate-bench-'))
  const [open, guarded] = [await gateOf(folder, {}), await gateOf(folder, { ...rates, ...risks })]
  const subjects: Readonly<Record<string, (n: number) => unknown>> = {
    'ticket, good': () => unseal(keys, 'ticket', ticket, now),
    'ticket, forged': () => unseal(keys, 'ticket', forged, now),
    'ticket, early': () => unseal(keys, 'ticket', ticket, { bearer, nowMs: 0 }),
    'ticket, given out': () => seal(keys[0], note, bearer),
    'proof of work, checked': () => proves(ticket, proof, 8),
    'five rate limits': (n) => limits?.arrive(attempt(n)) ?? limits?.ask(attempt(n)),
    'risk score': (n) => desk.judge(attempt(n)),
    'all off: what a purchase pays': (n) => pass(open, attempt(n)),
    'rates and risk on': (n) => pass(guarded, attempt(n)),
    'control: createHmac over 52 bytes': () => createHmac('sha256', secret).update(signed).digest(),
  }
  const times = new Map<string, number[]>()
  for (let round = 0; round < rounds; round++)
    for (const [label, subject] of Object.entries(subjects)) {
      const startMs = systemClock.elapsed()
      for (let n = 0; n < calls; n++) subject(n)
      const us = ((systemClock.elapsed() - startMs) / calls) * 1000
      // The first round warms the compiler up.
      if (round > 0) times.set(label, [...(times.get(label) ?? []), us])
    }
  for (const gate of [open, guarded]) await gate.close()
  await rm(folder, { recursive: true, force: true })
  const rows = [...times].map(([label, values]) => {
    const [least, most] = [Math.min(...values), Math.max(...values)]
    const middle = [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
    const us = `${middle.toFixed(2)} (${least.toFixed(2)}..${most.toFixed(2)})`
    return { label, figures: { 'us a check': us } }
  })
  const startMs = systemClock.elapsed()
  draw(secretBytes(32), 1_000_000)
  const drawMs = systemClock.elapsed() - startMs
  return {
    name: 'gate',
    title: 'Seckill: checks of admission',
    rows,
    notes: [
      `${rounds - 1} rounds of ${calls} checks, median (least..most), one process.`,
      `The draw of 10^6 places: ${drawMs.toFixed(0)} ms, once.`,
    ],
  }
}
