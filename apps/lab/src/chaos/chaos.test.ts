import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { checkHistory } from '../checker/checker.ts'
import type { History } from '../checker/history.ts'
import { closeRound, playRound, settleMs } from './round.ts'
import { SaleProgram } from './sale-program.ts'

const kills = Number(process.env['CHAOS_KILLS'] ?? 1)

test(
  `a flash sale killed ${kills} times under load keeps every promise, and the checker sees a lost order`,
  { timeout: 60_000 + kills * 30_000 },
  async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'spate-chaos-'))
    const program = new SaleProgram(join(folder, 'data'))
    const stage = { program, clock: systemClock, chance: new SeededChance(7) }
    await program.start()
    try {
      const histories: History[] = []
      for (let number = 1; number <= kills; number++) {
        const round = await playRound({ number, shoppers: 16, roundMs: 2000 }, stage)
        await systemClock.sleep(settleMs)
        histories.push(await closeRound(round, stage))
      }
      for (const history of histories) {
        context.diagnostic(`${history.operations.length} wishes, ${history.orders.length} orders`)
        assert.ok(history.orders.length > 0, 'something was sold')
        assert.deepEqual(checkHistory(history), [])
      }
      const [first] = histories as [History]
      const promised = first.operations
        .flatMap(({ answers }) => answers)
        .find(({ answer }) => answer.kind === 'reserved')
      const lost = first.orders.filter(
        ({ orderId }) =>
          promised?.answer.kind !== 'reserved' || orderId !== promised.answer.orderId,
      )
      const kinds = checkHistory({ ...first, orders: lost }).map(({ kind }) => kind)
      assert.ok(kinds.includes('lost-order'), 'an order that is gone is noticed')
    } finally {
      await program.stop()
      await rm(folder, { recursive: true, force: true })
    }
  },
)
