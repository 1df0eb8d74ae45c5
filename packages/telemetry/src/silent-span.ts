import type { SpanContext } from '@opentelemetry/api'
import { RemoteSpan } from './remote-span.ts'

const unnamed: SpanContext = { traceId: '', spanId: '', traceFlags: 0 }

/**
 * A span of this process in a trace that is not recorded. Its ids, which outgoing calls carry on,
 * are made once somebody asks for them: of most such spans nobody does.
 */
export class SilentSpan extends RemoteSpan {
  readonly #make: () => SpanContext
  #made: SpanContext | undefined

  constructor(make: () => SpanContext) {
    super(unnamed)
    this.#make = make
  }

  override spanContext(): SpanContext {
    return (this.#made ??= this.#make())
  }
}
