import { Fault } from '@spate/runtime/fault'
import type { EmbeddedLedger } from '../ledger/embedded-ledger.ts'
import type { DeadLetterJson, DeadLetters, LetterFollower } from './dead-letters.ts'

/** Does the work of one letter again; rejects where it fails again. */
export type Redo = (letter: DeadLetterJson) => Promise<void>

/** What the desk works with. */
export interface LetterDeskOptions {
  readonly letters: DeadLetters
  readonly ledger: Pick<EmbeddedLedger, 'run'>
  readonly redo: Readonly<Partial<Record<LetterFollower, Redo>>>
}

/** What administrators do about dead letters. */
export class LetterDesk {
  readonly letters: DeadLetters
  readonly #options: LetterDeskOptions

  constructor(options: LetterDeskOptions) {
    this.#options = options
    this.letters = options.letters
  }

  /** Does the work again. Throws `not_found`, or `conflict` where it fails again or is not open. */
  async retry(id: number): Promise<DeadLetterJson> {
    const letter = await this.#openLetter(id)
    if (letter.state === 'retried') return letter
    const redo = this.#options.redo[letter.follower]
    if (!redo) throw new Fault('conflict', `nobody does the work of ${letter.follower} here`)
    try {
      await redo(letter)
    } catch (caught) {
      await this.letters.failed(id, caught)
      throw new Fault('conflict', 'it failed again', { cause: caught })
    }
    return await this.#closed(id, 'retried', '')
  }

  /**
   * Ends a letter without its work. `compensate` gives the order up first: its units go back, and a
   * paid one is refunded. `discard` only notes why. Throws `not_found` or `conflict`.
   */
  async resolve(
    id: number,
    action: 'compensate' | 'discard',
    note: string,
  ): Promise<DeadLetterJson> {
    const state = action === 'compensate' ? 'compensated' : 'discarded'
    const letter = await this.#openLetter(id)
    if (letter.state === state) return letter
    if (action === 'compensate')
      await this.#options.ledger.run({ kind: 'cancel', orderId: letter.orderId })
    return await this.#closed(id, state, note)
  }

  /** The letter where it is open or was closed the same way before: doing it again changes nothing. */
  async #openLetter(id: number): Promise<DeadLetterJson> {
    const letter = await this.letters.find(id)
    if (!letter) throw new Fault('not_found', 'there is no such letter')
    return letter
  }

  async #closed(
    id: number,
    state: 'retried' | 'compensated' | 'discarded',
    note: string,
  ): Promise<DeadLetterJson> {
    const closed = await this.letters.close(id, state, note)
    const letter = await this.#openLetter(id)
    if (!closed && letter.state !== state)
      throw new Fault('conflict', `the letter is ${letter.state} already`)
    return letter
  }
}
