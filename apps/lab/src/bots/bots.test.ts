import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { runBots, type BotsPlan, type BotsReport } from './bots-run.ts'
import { botsEngine, startOwnEngine } from './own-engine.ts'

const plan: BotsPlan = {
  honest: 60,
  lanes: 20,
  connections: 20,
  addresses: 10,
  accounts: 1,
  stock: 30,
  limit: 1,
  admitPerSecond: 200,
  proofBits: 4,
  pauseMs: 200,
  longestMs: 20_000,
}

async function run(over: Partial<BotsPlan>, settings: object = {}): Promise<BotsReport> {
  const chance = new SeededChance(20_261_125)
  const parts = { clock: systemClock, chance }
  const target = await startOwnEngine({ ...botsEngine, ...settings }, parts)
  try {
    const signal = new AbortController().signal
    return await runBots({ ...plan, ...over }, { ...parts, target, signal })
  } finally {
    await target.close()
  }
}

test('one attacker gets at most his limit, spoofed addresses help nobody, and the draw is fair', async () => {
  const report = await run({})
  assert.ok(report.attacker.units <= 1)
  assert.equal(report.sold, 30)
  assert.equal(report.honest.joined, 60)
  assert.equal(report.draw.placesChecked, 60)
  assert.deepEqual(report.draw.faults, [])
  assert.ok(report.attacker.requests > 20)
})

test('the run can fail: without limits and risk, many accounts take what is there', async () => {
  const open = { rateLimit: undefined, userRateLimit: undefined, risk: 'off' }
  const report = await run({ accounts: 100, connections: 100, pauseMs: 20 }, open)
  assert.ok(report.attacker.units > 1, `${report.attacker.units} units`)
  assert.equal(report.passed, false)
})
