import type { BenchRow } from '@spate/runtime/bench'

/** Figures of one subject, a round each. */
export type Rounds<Figure> = ReadonlyMap<string, readonly Figure[]>

/** Measures each of `subjects` in turns: whatever else the machine does meets all of them alike. */
export async function inTurns<Subject extends { readonly name: string }, Figure>(
  subjects: readonly Subject[],
  rounds: number,
  measure: (subject: Subject) => Promise<Figure>,
): Promise<Rounds<Figure>> {
  const found = new Map<string, Figure[]>()
  for (let round = 0; round < rounds; round++)
    for (const subject of subjects) {
      const before = found.get(subject.name) ?? []
      found.set(subject.name, [...before, await measure(subject)])
    }
  return found
}

/** The middle of `values`; NaN where there are none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** `median (min..max)`. */
export function spread(values: readonly number[], digits = 0): string {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return `${median(values).toFixed(digits)} (${low.toFixed(digits)}..${high.toFixed(digits)})`
}

/** Round by round `ours` over `theirs`. */
export const ratios = (ours: readonly number[], theirs: readonly number[]): readonly number[] =>
  ours.slice(0, theirs.length).map((each, at) => each / (theirs[at] as number))

/** What a row promises and whether it held; `met` undefined where a control is missing. */
export interface Goal {
  readonly goal: string
  readonly met: boolean | undefined
  readonly found?: string
}

/** A row with its columns in the order of the table. */
export function speedRow(
  label: string,
  figures: Readonly<Record<string, string>>,
  { goal, met, found }: Goal,
): BenchRow {
  const word = met === undefined ? 'no control' : met ? 'met' : 'missed'
  const verdict = found === undefined ? word : `${word}: ${found}`
  return {
    label,
    figures: { spate: '', nginx: '', varnish: '', control: '', ...figures, goal, verdict },
  }
}

/** The cells of a row. */
export function cells<Figure>(
  rounds: Rounds<Figure>,
  tell: (figures: readonly Figure[]) => string,
): Record<string, string> {
  return Object.fromEntries([...rounds].map(([name, figures]) => [name, tell(figures)]))
}
