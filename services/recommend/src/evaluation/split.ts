import type { DataRow } from './data-set.ts'

/** How to cut a file in two. */
export type SplitRule =
  /** TRAIN ends `ms` before the last event of all. */
  | { readonly kind: 'temporal'; readonly ms: number }
  /** TEST is the last event of each user with at least two. */
  | { readonly kind: 'last' }
  /** TEST is a share of each user's events, by a seeded draw. */
  | { readonly kind: 'random'; readonly share: number; readonly float: () => number }

/** Rows of both sides, each in the order of the file. */
export interface SplitRows {
  readonly train: readonly DataRow[]
  readonly test: readonly DataRow[]
}

/** Cuts `rows`. Lines of the same time keep the order of the file. */
export function splitRows(rows: readonly DataRow[], rule: SplitRule): SplitRows {
  const isTest = chooser(rows, rule)
  const train: DataRow[] = []
  const test: DataRow[] = []
  rows.forEach((row, line) => (isTest(row, line) ? test : train).push(row))
  return { train, test }
}

function chooser(
  rows: readonly DataRow[],
  rule: SplitRule,
): (row: DataRow, line: number) => boolean {
  switch (rule.kind) {
    case 'temporal': {
      const latest = rows.reduce((end, { timeMs }) => Math.max(end, timeMs ?? -Infinity), -Infinity)
      return ({ timeMs }) => (timeMs ?? -Infinity) >= latest - rule.ms
    }
    case 'last': {
      const lines = lastLines(rows)
      return (_, line) => lines.has(line)
    }
    case 'random':
      return () => rule.float() < rule.share
  }
}

function lastLines(rows: readonly DataRow[]): Set<number> {
  const last = new Map<string, { line: number; timeMs: number; count: number }>()
  rows.forEach(({ user, timeMs = 0 }, line) => {
    const known = last.get(user)
    if (!known) last.set(user, { line, timeMs, count: 1 })
    else {
      known.count++
      if (timeMs >= known.timeMs) {
        known.timeMs = timeMs
        known.line = line
      }
    }
  })
  return new Set([...last.values()].filter(({ count }) => count > 1).map(({ line }) => line))
}
