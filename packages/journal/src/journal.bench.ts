import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchTable } from '@spate/runtime/bench'
import { systemClock } from '@spate/runtime/clock'
import { openJournal } from './journal.ts'

const rounds = 5
const inFlight = 1000
const payload = new Uint8Array(100).fill(7)
const journalAppends = 200_000
const controlAppends = 300

interface Round {
  readonly perSecond: number
  readonly meanMs: number
}

/** Appends with 1000 writers in flight, each waiting for its record to be durable before the next. */
async function journalRound(folder: string): Promise<Round> {
  const journal = await openJournal({ folder })
  let left = journalAppends
  let waitedMs = 0
  const writer = async (): Promise<void> => {
    while (left-- > 0) {
      const beganMs = systemClock.elapsed()
      journal.append(payload)
      await journal.durable()
      waitedMs += systemClock.elapsed() - beganMs
    }
  }
  const startMs = systemClock.elapsed()
  await Promise.all(Array.from({ length: inFlight }, writer))
  const tookMs = systemClock.elapsed() - startMs
  await journal.close()
  return { perSecond: (journalAppends / tookMs) * 1000, meanMs: waitedMs / journalAppends }
}

/** The control: a write and an fdatasync for each record, one after another. */
async function oneEachRound(folder: string): Promise<Round> {
  const file = await open(join(folder, 'control'), 'a')
  const startMs = systemClock.elapsed()
  for (let n = 0; n < controlAppends; n++) {
    await file.write(payload)
    await file.datasync()
  }
  const tookMs = systemClock.elapsed() - startMs
  await file.close()
  return { perSecond: (controlAppends / tookMs) * 1000, meanMs: tookMs / controlAppends }
}

/** Durable appends: group commit against one fdatasync each, in turn, on the same disk. */
export async function run(): Promise<BenchTable> {
  const folder = await mkdtemp(join(tmpdir(), 'spate-journal-bench-'))
  const ours: Round[] = []
  const control: Round[] = []
  for (let round = 0; round <= rounds; round++) {
    const one = await journalRound(join(folder, `journal-${round}`))
    const each = await oneEachRound(folder)
    // The first round warms up compiler and disk.
    if (round === 0) continue
    ours.push(one)
    control.push(each)
  }
  await rm(folder, { recursive: true })
  const middle = (values: readonly number[]): number =>
    [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
  const figures = (all: readonly Round[], concurrency: number): Record<string, string | number> => {
    const rates = all.map(({ perSecond }) => perSecond)
    const meanMs = middle(all.map(({ meanMs: each }) => each))
    const k = (value: number): string => Math.round(value).toLocaleString('en-US')
    return {
      'durable appends/s': `${k(middle(rates))} (${k(Math.min(...rates))}..${k(Math.max(...rates))})`,
      'mean ms': Number(meanMs.toFixed(3)),
      'rate x mean': `${((middle(rates) * meanMs) / 1000).toFixed(0)} of ${concurrency}`,
    }
  }
  const ratio =
    middle(ours.map(({ perSecond }) => perSecond)) /
    middle(control.map(({ perSecond }) => perSecond))
  return {
    name: 'journal',
    title: 'Journal: durable appends of 100 bytes',
    rows: [
      {
        label: `group commit, ${inFlight} in flight`,
        figures: { ...figures(ours, inFlight), 'x control': `${ratio.toFixed(0)}x` },
      },
      { label: 'control: one fdatasync each', figures: figures(control, 1) },
    ],
    notes: [`${rounds} rounds after a warm-up, in turn; median (least..most).`],
  }
}
