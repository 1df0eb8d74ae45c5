import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Fault } from '@spate/runtime/fault'
import type { FeatureRows } from '../domain/features/feature-vector.ts'
import { faceOf, shapes, type ModelFace, type TensorFace } from './model-inputs.ts'
import type { ModelVersion, Ranker } from './ranker.ts'

/** Which file, and where the runtime is. */
export interface OnnxOptions {
  readonly file: string
  /** Folder with `node_modules/onnxruntime-node`; where absent it is looked for beside this package. */
  readonly runtimeFolder?: string
}

/** The part of `onnxruntime-node` used here: an optional peer, so its types may not be there. */
interface OnnxRuntime {
  readonly InferenceSession: {
    create(file: string, options: object): Promise<OnnxSession>
  }
  readonly Tensor: new (
    type: 'float32' | 'int64',
    data: Float32Array | BigInt64Array,
    dims: readonly number[],
  ) => object
}

interface OnnxValueMeta {
  readonly name: string
  readonly isTensor: boolean
  readonly type?: string
  readonly shape?: readonly (number | string)[]
}

interface OnnxSession {
  readonly inputMetadata: readonly OnnxValueMeta[]
  readonly outputMetadata: readonly OnnxValueMeta[]
  run(
    feeds: Readonly<Record<string, object>>,
  ): Promise<Readonly<Record<string, { readonly data: ArrayLike<number> }>>>
  release(): Promise<void>
}

/** A model in this process. One thread: with more, its P99 grows fifty times at our sizes. */
export class OnnxRanker implements Ranker {
  readonly name: string
  readonly #options: OnnxOptions
  #runtime: OnnxRuntime | undefined
  #session: OnnxSession | undefined
  #face: ModelFace | undefined

  constructor(options: OnnxOptions) {
    this.#options = options
    this.name = 'onnx'
  }

  async open(): Promise<void> {
    this.#runtime = loadRuntime(this.#options.runtimeFolder)
    this.#session = await this.#runtime.InferenceSession.create(this.#options.file, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionProviders: ['cpu'],
    })
    this.#face = faceOf(
      this.#session.inputMetadata.map(faceOfValue),
      this.#session.outputMetadata.map(faceOfValue),
    )
  }

  async score(rows: FeatureRows): Promise<Float64Array> {
    const face = this.#face
    if (!this.#runtime || !this.#session || !face)
      throw new Fault('bad_gateway', 'the model is not open')
    const { Tensor } = this.#runtime
    const size = shapes(rows.rows)
    const feeds: Record<string, object> = {}
    if (face.numbers !== undefined)
      feeds[face.numbers] = new Tensor('float32', rows.numbers, size.numbers)
    if (face.tokens !== undefined)
      feeds[face.tokens] = new Tensor('int64', BigInt64Array.from(rows.tokens, BigInt), size.tokens)
    const output = (await this.#session.run(feeds))[face.output]
    return Float64Array.from(output?.data ?? [])
  }

  versions(): Promise<readonly ModelVersion[]> {
    return Promise.resolve([
      { version: this.#options.file, state: this.#session ? 'AVAILABLE' : 'END' },
    ])
  }

  async close(): Promise<void> {
    await this.#session?.release()
    this.#session = undefined
  }
}

function loadRuntime(folder: string | undefined): OnnxRuntime {
  const from = folder === undefined ? import.meta.url : join(folder, 'package.json')
  try {
    return createRequire(from)('onnxruntime-node') as OnnxRuntime
  } catch (caught) {
    throw new Fault(
      'not_implemented',
      'onnxruntime-node is not installed; it is an optional peer: npm install onnxruntime-node',
      { cause: caught },
    )
  }
}

function faceOfValue({ name, type, shape }: OnnxValueMeta): TensorFace {
  const kind = type === 'float32' ? 'float' : type === 'int64' ? 'int64' : 'other'
  return {
    name,
    kind,
    ...(shape ? { shape: shape.map((size) => (typeof size === 'number' ? size : -1)) } : {}),
  }
}
