/** What every benchmark returns; `npm run bench` prints it and writes docs/reference/benchmarks.md. */
export interface BenchTable {
  /** Name of the benchmark: `npm run bench -- NAME`. */
  readonly name: string
  readonly title: string
  readonly rows: readonly BenchRow[]
  /** What the reader must know: load, what the control is, what was left out. */
  readonly notes: readonly string[]
}

/** One subject or one control. */
export interface BenchRow {
  readonly label: string
  /** Figures by column; texts are printed as they are (`12.3 (11.9..14.0)`). */
  readonly figures: Readonly<Record<string, string | number>>
}
