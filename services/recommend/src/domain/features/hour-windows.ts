const hourMs = 3_600_000

/** Hours a window reaches back. */
export const windowHours = 24

/** Saved form: the newest hour of each row, and its counts. */
export interface HourWindowsState {
  readonly newest: Int32Array
  readonly counts: Uint32Array
}

/**
 * Events an hour over the last day, for rows 0, 1, 2 ...: circular buckets that are summed when they
 * are read, so nothing has to be refreshed and a lone event ages like any other. Counts are whole
 * numbers and buckets go by the event's own time: any order of the same events gives the same
 * windows. 100 bytes a row; O(1) a count, O(hours) a read and after a pause.
 */
export class HourWindows {
  #newest: Int32Array
  #counts: Uint32Array
  #rows: number

  constructor(state?: HourWindowsState) {
    this.#newest = state?.newest ?? new Int32Array(64)
    this.#counts = state?.counts ?? new Uint32Array(64 * windowHours)
    this.#rows = state?.newest.length ?? 0
  }

  /** One past the highest row that was counted in. */
  get rows(): number {
    return this.#rows
  }

  /** Counts one event; one that is a day older than the newest of its row is past already. */
  count(row: number, timeMs: number): void {
    if (row >= this.#newest.length) this.#grow(row + 1)
    if (row >= this.#rows) this.#rows = row + 1
    const hour = Math.floor(timeMs / hourMs)
    const newest = this.#newest[row] as number
    if (hour <= newest - windowHours) return
    const start = row * windowHours
    if (hour > newest) {
      const passed = Math.min(hour - newest, windowHours)
      for (let step = 0; step < passed; step++)
        this.#counts[start + ((hour - step) % windowHours)] = 0
      this.#newest[row] = hour
    }
    const at = start + (hour % windowHours)
    this.#counts[at] = (this.#counts[at] as number) + 1
  }

  /** Events of the `hours` hours up to `nowMs`, the running hour included; 0 for unknown rows. */
  sum(row: number, hours: number, nowMs: number): number {
    if (row >= this.#rows) return 0
    const now = Math.floor(nowMs / hourMs)
    const newest = this.#newest[row] as number
    const from = Math.max(now - hours + 1, newest - windowHours + 1, 0)
    const last = Math.min(now, newest)
    const start = row * windowHours
    let sum = 0
    let place = from % windowHours
    for (let hour = from; hour <= last; hour++) {
      sum += this.#counts[start + place] as number
      if (++place === windowHours) place = 0
    }
    return sum
  }

  /** Saved form, in the very memory. */
  view(): HourWindowsState {
    return {
      newest: this.#newest.subarray(0, this.#rows),
      counts: this.#counts.subarray(0, this.#rows * windowHours),
    }
  }

  #grow(least: number): void {
    const rows = Math.max(least, this.#newest.length * 2)
    const newest = new Int32Array(rows)
    newest.set(this.#newest)
    this.#newest = newest
    const counts = new Uint32Array(rows * windowHours)
    counts.set(this.#counts)
    this.#counts = counts
  }
}
