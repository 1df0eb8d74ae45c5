import type { Context } from '@opentelemetry/api'
import { Fault } from '@spate/runtime/fault'
import type { FeatureRows } from '../domain/features/feature-vector.ts'

/** How one ranking is asked for. */
export interface RankCall {
  /** Time it may take, ms. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Parent of the call's span. */
  readonly context: Context
}

/** One version of a model. */
export interface ModelVersion {
  readonly version: string
  /** As the server names it: LOADING, AVAILABLE, END ... */
  readonly state: string
}

/**
 * A model that says what each candidate is worth. Implementations: an ONNX file in this process,
 * TensorFlow Serving over gRPC or REST, a KServe v2 server.
 */
export interface Ranker {
  /** What answers name: `tfserving:ranker`. */
  readonly name: string
  /** Loads or connects, and learns what the model takes; rejects where it can never be asked. */
  open(call: RankCall): Promise<void>
  /** One value a row; greater is better. Rejects with a Fault. */
  score(rows: FeatureRows, call: RankCall): Promise<Float64Array>
  /** Versions and their states, asked anew. */
  versions(call: RankCall): Promise<readonly ModelVersion[]>
  close(): Promise<void>
}

/** Values as they came, checked: as many as rows and all finite. Throws `bad_gateway`. */
export function checkedScores(values: ArrayLike<number>, rows: number): Float64Array {
  if (values.length !== rows)
    throw new Fault('bad_gateway', `the model gave ${values.length} scores for ${rows} rows`)
  const out = new Float64Array(rows)
  for (let at = 0; at < rows; at++) {
    const value = values[at]
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw new Fault('bad_gateway', 'the model gave a score that is no finite number')
    out[at] = value
  }
  return out
}
