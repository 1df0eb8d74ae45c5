import type { Command, CommandContext } from '@spate/runtime/command'
import { errorText } from '@spate/runtime/fault'
import { duration, integer, type TableOf } from '@spate/runtime/settings'
import type { BotsReport } from './bots-run.ts'

/** Flags of `spate load bots`. */
export interface LoadBotsSettings {
  readonly honest: number
  readonly stock: number
  readonly limit: number
  readonly connections: number
  readonly addresses: number
  readonly accounts: number
  readonly pause: number
  readonly lanes: number
  readonly admit: number
  readonly bits: number
  readonly duration: number
}

type Table = TableOf<LoadBotsSettings>

const settings: Table = {
  honest: integer(1000, 1, 100_000, 'Honest people, each from an address of his own', {
    unit: 'people',
  }),
  stock: integer(200, 1, 1_000_000, 'Units of the campaign', { unit: 'units' }),
  limit: integer(1, 1, 1000, 'Units one account may have', { unit: 'units' }),
  connections: integer(200, 1, 10_000, 'Connections of the attacker'),
  addresses: integer(100, 1, 10_000, 'Addresses of the attacker'),
  accounts: integer(1, 1, 10_000, 'Accounts of the attacker; more than one are counted up'),
  pause: duration(1000, 1, 60_000, 'Mean pause between two requests of one of his connections'),
  lanes: integer(100, 1, 2000, 'Honest people that ask at the same moment'),
  admit: integer(100, 1, 100_000, 'People let in a second', { unit: 'people' }),
  bits: integer(8, 0, 20, 'Zero bits of the proof of work', { unit: 'bits' }),
  duration: duration(120_000, 1000, 3_600_000, 'Longest time people wait'),
}

/** `spate load bots`: an attacker against honest people, on an engine of its own. */
export const loadBotsCommand: Command<Table> = {
  name: 'load bots',
  summary:
    'Set one attacker against honest people on an engine of its own, and count who got what.',
  usage: '[--honest N] [--connections N] [--addresses N] [--accounts N] [--stock N]',
  examples: [
    ['spate load bots', '200 connections from 100 addresses against 1,000 people'],
    ['spate load bots --honest 10000 --connections 10000 --stock 1000 --admit 200', 'in full'],
    ['spate load bots --accounts 200', 'an attacker with accounts that count up'],
  ],
  settings,
  run,
}

async function run(context: CommandContext<Table>): Promise<number> {
  const { settings: given, host, clock, chance, signal, json } = context
  // A whole engine: loaded by this command alone, for every program loads the list of commands.
  const { runBots } = await import('./bots-run.ts')
  const { botsEngine, startOwnEngine } = await import('./own-engine.ts')
  const engine = await startOwnEngine(botsEngine, { clock, chance })
  try {
    const plan = {
      ...given,
      admitPerSecond: given.admit,
      proofBits: given.bits,
      pauseMs: given.pause,
      longestMs: given.duration,
    }
    const report = await runBots(plan, { target: engine, clock, chance, signal })
    host.write(json ? `${JSON.stringify(report, null, 2)}\n` : table(report))
    return report.passed ? 0 : 1
  } catch (caught) {
    host.writeError(`spate load bots: ${errorText(caught)}\n`)
    return 1
  } finally {
    await engine.close()
  }
}

function table(report: BotsReport): string {
  const { honest, attacker, draw, admission } = report
  const codes = (refusals: Readonly<Record<string, number>>): string =>
    Object.entries(refusals)
      .sort(([, a], [, b]) => b - a)
      .map(([code, count]) => `${code} ${count}`)
      .join(', ') || 'none'
  const rows: readonly (readonly [string, string | number])[] = [
    ['stock, sold', `${report.stock}, ${report.sold}`],
    ['honest people', `${honest.people}, joined ${honest.joined}`],
    ['  units won', `${honest.units} by ${honest.buyers} people`],
    ['  sold out, gave up', `${honest.soldOut}, ${honest.gaveUp}`],
    ['  refusals', codes(honest.refusals)],
    [
      'attacker',
      `${attacker.accounts} account(s), ${attacker.connected} connections, ${attacker.addresses} addresses`,
    ],
    ['  requests', attacker.requests],
    ['  units won', `${attacker.units} (${attacker.sharePercent} %), limit ${attacker.limit}`],
    ['  refusals', codes(attacker.refusals)],
    [
      'draw',
      `${draw.arrivals} arrivals, ${draw.placesChecked} places checked, ${draw.faults.length} faults`,
    ],
    ['  commitment', draw.commitment],
    ['  seed', draw.seed],
    [
      'admission',
      admission
        ? `${admission.measured}/s of ${admission.perSecond}/s: ${admission.errorPercent} % off`
        : 'over too soon to tell',
    ],
    ['verdict', report.passed ? 'PASSED' : 'FAILED'],
  ]
  return `${rows.map(([name, value]) => `${name.padEnd(20)} ${value}`).join('\n')}\n`
}
