import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SeededChance } from '@spate/runtime/chance'
import type { Command, CommandContext } from '@spate/runtime/command'
import { duration, integer, text, type TableOf } from '@spate/runtime/settings'
import { checkHistory } from '../checker/checker.ts'
import type { Violation } from '../checker/history.ts'
import { closeRound, playRound, settleMs, type Round, type Stage } from './round.ts'
import { SaleProgram } from './sale-program.ts'

/** Flags of `spate chaos run`. */
export interface ChaosSettings {
  readonly kills: number
  readonly round: number
  readonly shoppers: number
  readonly seed: number
  readonly folder: string | undefined
}

type Table = TableOf<ChaosSettings>

const settings: Table = {
  kills: integer(20, 1, 100_000, 'How often the program is killed; one campaign a kill'),
  round: duration(3000, 1500, 600_000, 'How long each campaign is shopped in'),
  shoppers: integer(64, 1, 2000, 'Shoppers at once, each with a connection', {
    unit: 'shoppers',
  }),
  seed: integer(1, 0, 4_000_000_000, 'Decides when to kill and who wants what'),
  folder: text(undefined, 'Where data and histories are kept; a temporary folder where unset'),
}

/** `spate chaos run`: a real flash sale is killed again and again, and every promise checked. */
export const chaosRunCommand: Command<Table> = {
  name: 'chaos run',
  summary:
    'Kill a real flash sale with SIGKILL again and again under load, and check every promise.',
  usage: '[--kills N] [--round 3s] [--shoppers N] [--seed N] [--folder FOLDER]',
  examples: [
    ['spate chaos run', 'twenty kills in about a minute'],
    ['spate chaos run --kills 200 --folder chaos', 'ten minutes; histories are kept in chaos/'],
  ],
  settings,
  run,
}

interface Verdict {
  readonly kills: number
  readonly seconds: number
  readonly seed: number
  readonly operations: number
  readonly answers: number
  readonly lostAnswers: number
  readonly unresolved: number
  readonly orders: number
  readonly byStatus: Readonly<Record<string, number>>
  readonly violations: readonly Violation[]
  readonly folder: string
}

async function run(context: CommandContext<Table>): Promise<number> {
  const { settings: given, clock, host, json, signal } = context
  const folder = given.folder ?? (await mkdtemp(join(tmpdir(), 'spate-chaos-')))
  await mkdir(join(folder, 'histories'), { recursive: true })
  const program = new SaleProgram(join(folder, 'data'))
  const stage: Stage = { program, clock, chance: new SeededChance(given.seed) }
  const begunMs = clock.elapsed()
  const rounds: Round[] = []
  await program.start()
  try {
    const plan = { shoppers: given.shoppers, roundMs: given.round }
    for (let number = 1; number <= given.kills && !signal.aborted; number++) {
      rounds.push(await playRound({ ...plan, number }, stage))
      if (!json && number % 10 === 0)
        host.write(`  ${number} kills, ${Math.round((clock.elapsed() - begunMs) / 1000)} s\n`)
    }
    await clock.sleep(settleMs)
    const verdict = await judge(rounds, stage, folder)
    const whole = { ...verdict, seed: given.seed, seconds: (clock.elapsed() - begunMs) / 1000 }
    host.write(json ? `${JSON.stringify(whole)}\n` : report(whole))
    return verdict.violations.length === 0 && verdict.orders > 0 ? 0 : 1
  } finally {
    await program.stop()
  }
}

async function judge(
  rounds: readonly Round[],
  stage: Stage,
  folder: string,
): Promise<Omit<Verdict, 'seed' | 'seconds'>> {
  const violations: Violation[] = []
  const byStatus: Record<string, number> = {}
  let [operations, answers, lostAnswers, unresolved, orders] = [0, 0, 0, 0, 0]
  for (const round of rounds) {
    const history = await closeRound(round, stage)
    const name = `${round.product.productId}.json`
    await writeFile(join(folder, 'histories', name), JSON.stringify(history))
    violations.push(...checkHistory(history))
    operations += history.operations.length
    orders += history.orders.length
    for (const { status } of history.orders) byStatus[status] = (byStatus[status] ?? 0) + 1
    for (const operation of history.operations) {
      const lost = operation.answers.filter(({ answer }) => answer.kind === 'failed').length
      answers += operation.answers.length - lost
      lostAnswers += lost
      if (lost === operation.answers.length) unresolved++
    }
  }
  const kills = rounds.length
  return {
    kills,
    operations,
    answers,
    lostAnswers,
    unresolved,
    orders,
    byStatus,
    violations,
    folder,
  }
}

function report(verdict: Verdict): string {
  const { violations, byStatus } = verdict
  const rows: [string, string | number][] = [
    ['SIGKILLs', `${verdict.kills} in ${Math.round(verdict.seconds)} s, seed ${verdict.seed}`],
    ['operations', verdict.operations],
    ['answers', verdict.answers],
    ['answers lost, asked again', verdict.lostAnswers],
    ['operations never answered', verdict.unresolved],
    ['orders', verdict.orders],
    ...Object.entries(byStatus).map(([status, n]): [string, number] => [`  ${status}`, n]),
    ['histories', join(verdict.folder, 'histories')],
    ['broken promises', violations.length],
    ...violations.slice(0, 10).map(({ kind, detail }): [string, string] => [`  ${kind}`, detail]),
    ['verdict', violations.length === 0 && verdict.orders > 0 ? 'PASSED' : 'FAILED'],
  ]
  return `${rows.map(([name, value]) => `${name.padEnd(27)} ${value}`).join('\n')}\n`
}
