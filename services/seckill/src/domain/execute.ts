import { change, create, setState } from './administration.ts'
import type { Command, Outcome } from './command.ts'
import { cart, purchase, type Decision, type Emit, type SaleLimits } from './purchase.ts'
import type { Sale } from './sale.ts'
import { cancel, expire, lapseOne, pay } from './settlement.ts'

/** The core: a state, its limits, and where its events go. */
export interface Core {
  readonly sale: Sale
  readonly limits: SaleLimits
  /** Called with each event after the state has taken it. */
  readonly emit: Emit
}

/**
 * `(state, command, now) -> (state', outcome, events)`. Deterministic: no clock, chance or I/O.
 * Time never runs backwards: a `nowMs` before the last event counts as that event's time.
 */
export function execute(core: Core, command: Command, nowMs: number): Outcome {
  const { sale, limits, emit } = core
  const decision: Decision = {
    sale,
    limits,
    atMs: nowMs > sale.lastMs ? nowMs : sale.lastMs,
    record(event) {
      sale.apply(event)
      emit(event)
    },
  }
  switch (command.kind) {
    case 'purchase':
      return purchase(decision, command)
    case 'cart':
      return cart(decision, command)
    case 'pay':
      return pay(decision, command)
    case 'cancel':
      return cancel(decision, command)
    case 'expire':
      return expire(decision, command)
    case 'lapse':
      return lapseOne(decision, command.slot)
    case 'create':
      return create(decision, command.terms)
    case 'change':
      return change(decision, command)
    case 'pause':
    case 'resume':
    case 'close':
      return setState(decision, command.productId, command.kind)
  }
}
