import { fileURLToPath } from 'node:url'
import { createGrpcClient, type GrpcClient } from '@spate/http/grpc-client'
import { Fault } from '@spate/runtime/fault'
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
import type { RemoteModelOptions } from './tf-serving.ts'

interface TensorMetadata {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
}

interface Model {
  readonly name: string
  readonly version: string
}

type Inference = {
  readonly ServerReady: readonly [object, { readonly ready: boolean }]
  readonly ModelReady: readonly [Model, { readonly ready: boolean }]
  readonly ModelMetadata: readonly [
    Model,
    {
      readonly versions: readonly string[]
      readonly inputs: readonly TensorMetadata[]
      readonly outputs: readonly TensorMetadata[]
    },
  ]
  readonly ModelInfer: readonly [
    {
      readonly modelName: string
      readonly modelVersion: string
      readonly inputs: readonly TensorMetadata[]
      readonly outputs: readonly { readonly name: string }[]
      readonly rawInputContents: readonly Uint8Array[]
    },
    {
      readonly outputs: readonly (TensorMetadata & {
        readonly contents: { readonly fp32Contents: readonly number[] } | null
      })[]
      readonly rawOutputContents: readonly Uint8Array[]
    },
  ]
}

/** The `.proto` of the protocol. */
const proto = fileURLToPath(new URL('../../proto/kserve_v2.proto', import.meta.url))

/** A model behind the open inference protocol, version 2: Triton, OpenVINO Model Server, MLServer. */
export class KserveRanker implements Ranker {
  readonly name: string
  readonly #options: RemoteModelOptions
  readonly #model: Model
  #client: GrpcClient<Inference> | undefined
  #face: ModelFace | undefined

  constructor(options: RemoteModelOptions) {
    this.#options = options
    this.name = `kserve:${options.model}`
    this.#model = { name: options.model, version: String(options.version ?? '') }
  }

  async open(call: RankCall): Promise<void> {
    const { address, clock, telemetry } = this.#options
    this.#client ??= await createGrpcClient<Inference>({
      proto,
      name: 'inference.GRPCInferenceService',
      address,
      clock,
      telemetry,
    })
    const { ready } = await this.#client.call('ServerReady', {}, call)
    if (!ready) throw new Fault('bad_gateway', 'the model server is not ready')
    const { inputs, outputs } = await this.#client.call('ModelMetadata', this.#model, call)
    this.#face = faceOf(inputs.map(faceOfTensor), outputs.map(faceOfTensor))
  }

  async score(rows: FeatureRows, call: RankCall): Promise<Float64Array> {
    const face = this.#face
    if (!this.#client || !face) throw new Fault('bad_gateway', 'the model is not open')
    const inputs: TensorMetadata[] = []
    const rawInputContents: Uint8Array[] = []
    const size = shapes(rows.rows)
    if (face.numbers !== undefined) {
      inputs.push({ name: face.numbers, datatype: 'FP32', shape: size.numbers })
      rawInputContents.push(numberBytes(rows))
    }
    if (face.tokens !== undefined) {
      inputs.push({ name: face.tokens, datatype: 'INT64', shape: size.tokens })
      rawInputContents.push(tokenBytes(rows))
    }
    const answer = await this.#client.call(
      'ModelInfer',
      {
        modelName: this.#model.name,
        modelVersion: this.#model.version,
        inputs,
        outputs: [{ name: face.output }],
        rawInputContents,
      },
      call,
    )
    const at = answer.outputs.findIndex(({ name }) => name === face.output)
    const output = answer.outputs[at]
    if (output?.datatype !== 'FP32')
      throw new Fault('bad_gateway', `the model gave no output ${face.output} of floats`)
    const count = output.shape.reduce((product, each) => product * each, 1)
    if (output.shape[0] !== rows.rows || count !== rows.rows)
      throw new Fault('bad_gateway', `the model gave a shape of ${JSON.stringify(output.shape)}`)
    const raw = answer.rawOutputContents[at]
    return Float64Array.from(raw ? readFloats(raw) : (output.contents?.fp32Contents ?? []))
  }

  async versions(call: RankCall): Promise<readonly ModelVersion[]> {
    if (!this.#client) return []
    const { versions } = await this.#client.call('ModelMetadata', this.#model, call)
    const { ready } = await this.#client.call('ModelReady', this.#model, call)
    const state = ready ? 'AVAILABLE' : 'UNAVAILABLE'
    return (versions.length > 0 ? versions : [this.#model.version]).map((version) => ({
      version,
      state,
    }))
  }

  close(): Promise<void> {
    this.#client?.close()
    return Promise.resolve()
  }
}

function faceOfTensor({ name, datatype, shape }: TensorMetadata): TensorFace {
  const kind = datatype === 'FP32' ? 'float' : datatype === 'INT64' ? 'int64' : 'other'
  return { name, kind, shape }
}
