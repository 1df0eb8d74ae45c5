import { createGrpcClient, type GrpcClient, type GrpcCallOptions } from '@spate/http/grpc-client'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { Telemetry } from '@spate/telemetry/telemetry'
import { fileURLToPath } from 'node:url'
import type { FeatureRows } from '../domain/features/feature-vector.ts'
import {
  faceOf,
  numberBytes,
  readFloats,
  shapes,
  tokenBytes,
  type ModelFace,
  type TensorFace,
} from './model-inputs.ts'
import type { ModelVersion, RankCall, Ranker } from './ranker.ts'

/** Which model of which server. */
export interface RemoteModelOptions {
  /** `host:port` for gRPC, a URL for REST. */
  readonly address: string
  readonly model: string
  /** A fixed version; the newest where absent. */
  readonly version?: number
  /** A label like `stable`; goes before `version`. */
  readonly label?: string
  readonly signature?: string
  readonly clock: Clock
  readonly telemetry: Telemetry
}

interface Spec {
  readonly name: string
  readonly version?: { readonly value: number }
  readonly versionLabel?: string
  readonly signatureName?: string
}

interface Tensor {
  readonly dtype: string
  readonly tensorShape: { readonly dim: readonly { readonly size: number }[] }
  readonly tensorContent?: Uint8Array
  readonly floatVal?: readonly number[]
  readonly doubleVal?: readonly number[]
}

interface TensorInfo {
  readonly dtype: string
  readonly tensorShape?: {
    readonly dim: readonly { readonly size: number }[]
    readonly unknownRank: boolean
  } | null
}

interface Signature {
  readonly inputs: Readonly<Record<string, TensorInfo>>
  readonly outputs: Readonly<Record<string, TensorInfo>>
}

type Prediction = {
  readonly Predict: readonly [
    {
      readonly modelSpec: Spec
      readonly inputs: Readonly<Record<string, Tensor>>
      readonly outputFilter: readonly string[]
    },
    { readonly outputs: Readonly<Record<string, Tensor>> },
  ]
  readonly GetModelMetadata: readonly [
    { readonly modelSpec: Spec; readonly metadataField: readonly string[] },
    {
      readonly metadata: Readonly<
        Record<
          string,
          { readonly value: { readonly signatureDef: Readonly<Record<string, Signature>> } | null }
        >
      >
    },
  ]
}

type ModelService = {
  readonly GetModelStatus: readonly [
    { readonly modelSpec: Spec },
    {
      readonly modelVersionStatus: readonly { readonly version: number; readonly state: string }[]
    },
  ]
}

/** The `.proto` both services are in. */
export const tfServingProto: string = fileURLToPath(
  new URL('../../proto/tensorflow_serving.proto', import.meta.url),
)

/** Name of the signature TensorFlow exports under where nothing else is said. */
export const defaultSignature = 'serving_default'

/** A model in TensorFlow Serving, asked over gRPC. */
export class TfServingRanker implements Ranker {
  readonly name: string
  readonly #options: RemoteModelOptions
  #prediction: GrpcClient<Prediction> | undefined
  #models: GrpcClient<ModelService> | undefined
  #face: ModelFace | undefined

  constructor(options: RemoteModelOptions) {
    this.#options = options
    this.name = `tfserving:${options.model}`
  }

  async open(call: RankCall): Promise<void> {
    const { address, clock, telemetry, signature = defaultSignature } = this.#options
    const client = { proto: tfServingProto, address, clock, telemetry }
    this.#prediction ??= await createGrpcClient<Prediction>({
      ...client,
      name: 'tensorflow.serving.PredictionService',
    })
    this.#models ??= await createGrpcClient<ModelService>({
      ...client,
      name: 'tensorflow.serving.ModelService',
    })
    const { metadata } = await this.#prediction.call(
      'GetModelMetadata',
      { modelSpec: this.#spec(), metadataField: ['signature_def'] },
      options(call),
    )
    const found = metadata['signature_def']?.value?.signatureDef[signature]
    if (!found) throw new Fault('bad_gateway', `the model has no signature ${signature}`)
    this.#face = faceOf(facesOf(found.inputs), facesOf(found.outputs))
  }

  async score(rows: FeatureRows, call: RankCall): Promise<Float64Array> {
    const face = this.#face
    if (!this.#prediction || !face) throw new Fault('bad_gateway', 'the model is not open')
    const { outputs } = await this.#prediction.call(
      'Predict',
      predictRequest(this.#spec(), rows, face),
      options(call),
    )
    const tensor = outputs[face.output]
    if (!tensor) throw new Fault('bad_gateway', `the model gave no output ${face.output}`)
    return valuesOf(tensor, rows.rows)
  }

  async versions(call: RankCall): Promise<readonly ModelVersion[]> {
    if (!this.#models) return []
    const { modelVersionStatus } = await this.#models.call(
      'GetModelStatus',
      // Without a version: the status of all of them.
      { modelSpec: { name: this.#options.model } },
      options(call),
    )
    return modelVersionStatus.map(({ version, state }) => ({ version: String(version), state }))
  }

  close(): Promise<void> {
    this.#prediction?.close()
    this.#models?.close()
    return Promise.resolve()
  }

  #spec(): Spec {
    const { model, version, label, signature = defaultSignature } = this.#options
    return {
      name: model,
      signatureName: signature,
      ...(label !== undefined
        ? { versionLabel: label }
        : version !== undefined
          ? { version: { value: version } }
          : {}),
    }
  }
}

/** A `PredictRequest` for `rows`; tensors go as raw bytes, which spares a number by number encoding. */
export function predictRequest(
  modelSpec: Spec,
  rows: FeatureRows,
  face: ModelFace,
): Prediction['Predict'][0] {
  const inputs: Record<string, Tensor> = {}
  const size = shapes(rows.rows)
  if (face.numbers !== undefined)
    inputs[face.numbers] = tensor('DT_FLOAT', size.numbers, numberBytes(rows))
  if (face.tokens !== undefined)
    inputs[face.tokens] = tensor('DT_INT64', size.tokens, tokenBytes(rows))
  return { modelSpec, inputs, outputFilter: [face.output] }
}

function tensor(dtype: string, shape: readonly number[], tensorContent: Uint8Array): Tensor {
  return { dtype, tensorShape: { dim: shape.map((size) => ({ size })) }, tensorContent }
}

function options(call: RankCall): GrpcCallOptions {
  return { timeoutMs: call.timeoutMs, signal: call.signal, context: call.context }
}

function facesOf(infos: Readonly<Record<string, TensorInfo>>): TensorFace[] {
  return Object.entries(infos).map(([name, { dtype, tensorShape }]) => ({
    name,
    kind: dtype === 'DT_FLOAT' ? 'float' : dtype === 'DT_INT64' ? 'int64' : 'other',
    ...(tensorShape && !tensorShape.unknownRank
      ? { shape: tensorShape.dim.map(({ size }) => size) }
      : {}),
  }))
}

/** One value a row: shapes [rows] and [rows, 1] are taken, floats as bytes or one by one. */
function valuesOf(given: Tensor, rows: number): Float64Array {
  const shape = given.tensorShape.dim.map(({ size }) => size)
  const count = shape.reduce((product, size) => product * size, 1)
  if (shape[0] !== rows || count !== rows)
    throw new Fault('bad_gateway', `the model gave a shape of ${JSON.stringify(shape)}`)
  const packed = given.tensorContent ?? new Uint8Array()
  if (given.dtype === 'DT_FLOAT' && packed.length > 0) return Float64Array.from(readFloats(packed))
  if (given.dtype === 'DT_FLOAT') return Float64Array.from(given.floatVal ?? [])
  if (given.dtype === 'DT_DOUBLE') return Float64Array.from(given.doubleVal ?? [])
  throw new Fault('bad_gateway', `the model gave values of type ${given.dtype}`)
}
