import { Fault } from '@spate/runtime/fault'
import { featureNames, type FeatureRows } from '../domain/features/feature-vector.ts'
import { tokenNames } from '../domain/features/token.ts'

/** A tensor that a model takes or gives. Sizes of -1 are open. */
export interface TensorFace {
  readonly name: string
  readonly kind: 'float' | 'int64' | 'other'
  /** Absent where the model does not say. */
  readonly shape?: readonly number[]
}

/** What a model takes and gives, and how our rows fit. */
export interface ModelFace {
  /** Name of the input that takes the numbers (rows x 34 floats); absent where none does. */
  readonly numbers?: string
  /** Name of the input that takes the tokens (rows x 7 int64). */
  readonly tokens?: string
  readonly output: string
}

/** Names our own exports use; an input or output of another name fits by its type and shape. */
export const ownNames: Required<ModelFace> = {
  numbers: 'numbers',
  tokens: 'tokens',
  output: 'scores',
}

/**
 * Finds out where our rows go. Throws `bad_gateway` where an input wants something we do not have,
 * so that a model with wrong inputs is refused when it is opened and not asked at all.
 */
export function faceOf(inputs: readonly TensorFace[], outputs: readonly TensorFace[]): ModelFace {
  const face: { numbers?: string; tokens?: string } = {}
  for (const input of inputs) {
    const width = input.shape?.at(-1) ?? -1
    if (input.kind === 'float' && fits(width, featureNames.length) && face.numbers === undefined)
      face.numbers = input.name
    else if (input.kind === 'int64' && fits(width, tokenNames.length) && face.tokens === undefined)
      face.tokens = input.name
    else
      throw new Fault(
        'bad_gateway',
        `the model's input ${input.name} (${input.kind}, ${JSON.stringify(input.shape ?? [])}) is none we have: float rows of ${featureNames.length}, int64 rows of ${tokenNames.length}`,
      )
  }
  const floats = outputs.filter(({ kind }) => kind === 'float')
  const output = floats.find(({ name }) => name === ownNames.output) ?? floats[0]
  if (inputs.length === 0 || !output)
    throw new Fault('bad_gateway', 'the model has no input, or no output of floats')
  return { ...face, output: output.name }
}

const fits = (width: number, ours: number): boolean => width < 0 || width === ours

/** The numbers of `rows` as little-endian bytes. */
export function numberBytes(rows: FeatureRows): Buffer {
  const { buffer, byteOffset, byteLength } = rows.numbers
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
}

/** The tokens of `rows` as little-endian int64. */
export function tokenBytes(rows: FeatureRows): Buffer {
  const words = new Uint32Array(rows.tokens.length * 2)
  for (let at = 0; at < rows.tokens.length; at++) words[2 * at] = rows.tokens[at] as number
  return Buffer.from(words.buffer)
}

/** Shapes of both tensors for `rows` rows. */
export const shapes = (
  rows: number,
): { readonly numbers: readonly number[]; readonly tokens: readonly number[] } => ({
  numbers: [rows, featureNames.length],
  tokens: [rows, tokenNames.length],
})

/** Little-endian floats as they lie in `bytes`. Throws `bad_gateway` where they are cut. */
export function readFloats(bytes: Uint8Array): Float32Array {
  if (bytes.length % 4 !== 0) throw new Fault('bad_gateway', 'the model gave half a number')
  // A copy: `Buffer.slice` would share memory, and need not be aligned.
  return new Float32Array(new Uint8Array(bytes).buffer)
}
