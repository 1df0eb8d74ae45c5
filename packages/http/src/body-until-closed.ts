import type { EventEmitter } from 'node:events'
import { Fault } from '@spate/runtime/fault'
import type { BodyStream } from './exchange.ts'

/**
 * The pieces of `body` until `way` (a socket or a response) closes. A producer that is waiting
 * for its next piece when the client goes away is let go at once, not at its next piece.
 */
export async function* bodyUntilClosed(
  body: BodyStream,
  way: EventEmitter & { readonly destroyed: boolean },
): AsyncGenerator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]()
  let stop: ((fault: Fault) => void) | undefined
  const closed = (): void => stop?.(new Fault('cancelled', 'the client went away'))
  way.once('close', closed)
  try {
    for (;;) {
      if (way.destroyed) throw new Fault('cancelled', 'the client went away')
      const step = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        stop = reject
        iterator.next().then(resolve, reject)
      })
      if (step.done) return
      yield step.value
    }
  } finally {
    way.off('close', closed)
    // Not awaited: a generator that is in the middle of a wait returns when that wait is over.
    iterator.return?.().then(undefined, () => {})
  }
}
