import { errorText, Fault } from '@spate/runtime/fault'
import type { Sql, SqlRow } from '@spate/state/sql'
import { isoTime } from '../answers.ts'
import type { LetterState } from '../contract.ts'

/** Who could not do its work. */
export type LetterFollower = 'orders' | 'outbox' | 'refunds'

/** Work that failed for good: one change of one order. */
export interface DeadLetter {
  readonly follower: LetterFollower
  /** Number of the event. */
  readonly sequence: number
  /** The order's slot. */
  readonly slot: number
  readonly orderId: string
  /** What was to be written or sent. */
  readonly detail: unknown
}

/** A letter as administrators see it. */
export interface DeadLetterJson extends Omit<DeadLetter, 'detail'> {
  /** As JSON. */
  readonly detail: string
  readonly id: number
  readonly state: LetterState
  readonly error: string
  readonly attempts: number
  readonly at: string
  readonly note: string
}

/** Which letters to list. */
export interface LetterPage {
  readonly state: LetterState | undefined
  readonly limit: number
  /** `next` of the page before; 0 for the first. */
  readonly after: number
}

/** How letters are kept. */
export interface DeadLettersOptions {
  readonly sql: Sql
  /** Wall time, ms. */
  readonly now: () => number
  /** Open letters held; past it followers stand still instead, and nothing is dropped. */
  readonly most: number
  /** Told of each new one. */
  readonly onLetter: (letter: DeadLetter) => void
}

const add = `INSERT INTO seckill_dead_letters
  (follower, sequence, slot, order_id, detail, error, attempts, at_ms, state, note)
  VALUES (?, ?, ?, ?, ?, ?, 1, ?, 'open', '')
  ON CONFLICT (follower, sequence, slot) DO UPDATE SET error = excluded.error,
    attempts = attempts + 1, state = 'open'`

/**
 * What could not be written or sent, however often it was tried. The order it speaks of stands in
 * the ledger all the same; a letter is retried, compensated or discarded by a call, never by age.
 */
export class DeadLetters {
  readonly #options: DeadLettersOptions

  constructor(options: DeadLettersOptions) {
    this.#options = options
  }

  /** Keeps a letter; the same event again is the same letter. Rejects with `overloaded` where there are too many. */
  async bury(letter: DeadLetter, caught: unknown): Promise<void> {
    const { sql, now, most, onLetter } = this.#options
    if ((await this.open()) >= most)
      throw new Fault('overloaded', `there are ${most} dead letters: resolve some`)
    const { follower, sequence, slot, orderId, detail } = letter
    const text = JSON.stringify(detail)
    const row = [follower, sequence, slot, orderId, text, errorText(caught), now()]
    await sql.run(add, row)
    onLetter(letter)
  }

  /** Letters that wait for somebody. */
  async open(): Promise<number> {
    const query = `SELECT COUNT(*) AS open FROM seckill_dead_letters WHERE state = 'open'`
    return Number((await this.#options.sql.get(query))?.['open'] ?? 0)
  }

  /** The letter `id`; undefined where there is none. */
  async find(id: number): Promise<DeadLetterJson | undefined> {
    const row = await this.#options.sql.get('SELECT * FROM seckill_dead_letters WHERE id = ?', [id])
    return row && letterJson(row)
  }

  /** A page of letters, oldest first. */
  async list({
    state,
    limit,
    after,
  }: LetterPage): Promise<{ letters: DeadLetterJson[]; next?: number }> {
    const rows = await this.#options.sql.all(
      `SELECT * FROM seckill_dead_letters WHERE id > ? ${state ? 'AND state = ?' : ''} ORDER BY id LIMIT ?`,
      [after, ...(state ? [state] : []), limit],
    )
    const letters = rows.map(letterJson)
    const last = letters.at(-1)
    return letters.length === limit && last ? { letters, next: last.id } : { letters }
  }

  /** Closes an open letter; false where it is not open. */
  async close(id: number, state: Exclude<LetterState, 'open'>, note: string): Promise<boolean> {
    const { changes } = await this.#options.sql.run(
      `UPDATE seckill_dead_letters SET state = ?, note = ? WHERE id = ? AND state = 'open'`,
      [state, note, id],
    )
    return changes > 0
  }

  /** Notes one more try that failed. */
  async failed(id: number, caught: unknown): Promise<void> {
    await this.#options.sql.run(
      'UPDATE seckill_dead_letters SET attempts = attempts + 1, error = ? WHERE id = ?',
      [errorText(caught), id],
    )
  }
}

function letterJson(row: SqlRow): DeadLetterJson {
  return {
    id: Number(row['id']),
    follower: row['follower'] as LetterFollower,
    sequence: Number(row['sequence']),
    slot: Number(row['slot']),
    orderId: String(row['order_id']),
    detail: String(row['detail']),
    state: row['state'] as LetterState,
    error: String(row['error']),
    attempts: Number(row['attempts']),
    at: isoTime(Number(row['at_ms'])),
    note: String(row['note']),
  }
}

/** Faults that the same work would meet again: waiting does not help. Anything unexpected is one. */
export function isPoison(caught: unknown): boolean {
  return !(caught instanceof Fault) || poison.has(caught.code)
}

const poison: ReadonlySet<string> = new Set([
  'conflict',
  'internal',
  'invalid_field',
  'invalid_request',
  'payload_too_large',
])
