import { createClient, type Client } from '@spate/http/client'
import { Fault } from '@spate/runtime/fault'
import { featureNames, type FeatureRows } from '../domain/features/feature-vector.ts'
import { tokenNames } from '../domain/features/token.ts'
import { faceOf, type ModelFace, type TensorFace } from './model-inputs.ts'
import type { ModelVersion, RankCall, Ranker } from './ranker.ts'
import { defaultSignature, type RemoteModelOptions } from './tf-serving.ts'

/** Largest answer taken from the server, bytes. */
const bytesMax = 4 * 1024 * 1024

/** A model in TensorFlow Serving, asked over its REST API: slower than gRPC, and goes through proxies. */
export class TfServingRestRanker implements Ranker {
  readonly name: string
  readonly #options: RemoteModelOptions
  readonly #client: Client
  readonly #url: string
  readonly #allVersions: string
  #face: ModelFace | undefined

  constructor(options: RemoteModelOptions) {
    const { address, model, version, label, clock, telemetry } = options
    this.#options = options
    this.name = `tfserving:${model}`
    this.#client = createClient({ clock, telemetry, limits: { bytesMax } })
    const base = `${address.replace(/\/+$/, '')}/v1/models/${encodeURIComponent(model)}`
    this.#allVersions = base
    this.#url =
      label !== undefined
        ? `${base}/labels/${encodeURIComponent(label)}`
        : version !== undefined
          ? `${base}/versions/${version}`
          : base
  }

  async open(call: RankCall): Promise<void> {
    const { signature = defaultSignature } = this.#options
    const answer = await this.#json(`${this.#url}/metadata`, call)
    const found = at(answer, 'metadata', 'signature_def', 'signature_def', signature)
    if (!isRecord(found)) throw new Fault('bad_gateway', `the model has no signature ${signature}`)
    this.#face = faceOf(facesOf(found['inputs']), facesOf(found['outputs']))
  }

  async score(rows: FeatureRows, call: RankCall): Promise<Float64Array> {
    const face = this.#face
    if (!face) throw new Fault('bad_gateway', 'the model is not open')
    const inputs: Record<string, number[][]> = {}
    if (face.numbers !== undefined)
      inputs[face.numbers] = cutRows(rows.numbers, rows.rows, featureNames.length)
    if (face.tokens !== undefined)
      inputs[face.tokens] = cutRows(rows.tokens, rows.rows, tokenNames.length)
    const body = { signature_name: this.#options.signature ?? defaultSignature, inputs }
    const answer = await this.#json(`${this.#url}:predict`, call, JSON.stringify(body))
    const given = isRecord(answer) ? answer['outputs'] : undefined
    // A model with one output gives it bare, one with several gives them by name.
    const values = isRecord(given) ? given[face.output] : given
    if (!Array.isArray(values)) throw new Fault('bad_gateway', 'the model gave no list of values')
    return Float64Array.from(values as unknown[], (value) =>
      Number(Array.isArray(value) && value.length === 1 ? value[0] : value),
    )
  }

  async versions(call: RankCall): Promise<readonly ModelVersion[]> {
    const answer = await this.#json(this.#allVersions, call)
    const states = isRecord(answer) ? answer['model_version_status'] : undefined
    if (!Array.isArray(states)) return []
    return states
      .filter(isRecord)
      .map((each) => ({ version: String(each['version']), state: String(each['state']) }))
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  async #json(url: string, call: RankCall, body?: string): Promise<unknown> {
    const { timeoutMs, signal, context } = call
    const answer = await this.#client.fetch(url, {
      timeoutMs,
      signal,
      context,
      template: '/v1/models/{model}',
      ...(body === undefined
        ? {}
        : { method: 'POST', body, headers: { 'content-type': 'application/json' } }),
    })
    const text = await answer.text()
    if (answer.status !== 200)
      throw new Fault('bad_gateway', `the model server answered ${answer.status}`)
    try {
      return JSON.parse(text)
    } catch (caught) {
      throw new Fault('bad_gateway', 'the model server gave no JSON', { cause: caught })
    }
  }
}

function cutRows(values: ArrayLike<number>, rows: number, width: number): number[][] {
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: width }, (__, column) => values[row * width + column] as number),
  )
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function at(value: unknown, ...path: readonly string[]): unknown {
  let now = value
  for (const name of path) now = isRecord(now) ? now[name] : undefined
  return now
}

/** Inputs or outputs as the metadata of the REST API have them: sizes are texts. */
function facesOf(given: unknown): TensorFace[] {
  if (!isRecord(given)) return []
  return Object.entries(given).map(([name, info]) => {
    const dtype = at(info, 'dtype')
    const dims = at(info, 'tensor_shape', 'dim')
    return {
      name,
      kind: dtype === 'DT_FLOAT' ? 'float' : dtype === 'DT_INT64' ? 'int64' : 'other',
      ...(Array.isArray(dims) ? { shape: dims.map((dim) => Number(at(dim, 'size'))) } : {}),
    }
  })
}
