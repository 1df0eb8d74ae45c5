/**
 * Writes ONNX models (IR version 8, operator set 13) as protobuf: the few messages a graph of
 * standard operators needs, with the field numbers of onnx.proto (Apache-2.0).
 */

/** Element types of tensors. */
export const onnxTypes = { float: 1, int64: 7 } as const

/** A constant of the graph. */
export interface OnnxConstant {
  readonly name: string
  readonly dims: readonly number[]
  readonly data: Float32Array | BigInt64Array
}

/** One operator. */
export interface OnnxNode {
  readonly type: string
  readonly inputs: readonly string[]
  readonly output: string
  /** Whole-number attributes. */
  readonly attributes?: Readonly<Record<string, number>>
}

/** An input or output. Sizes of -1 are open and called `rows`. */
export interface OnnxFace {
  readonly name: string
  readonly type: keyof typeof onnxTypes
  readonly dims: readonly number[]
}

/** A graph of operators. */
export interface OnnxGraph {
  readonly name: string
  readonly inputs: readonly OnnxFace[]
  readonly outputs: readonly OnnxFace[]
  readonly nodes: readonly OnnxNode[]
  readonly constants: readonly OnnxConstant[]
}

/** The bytes of a model file. */
export function encodeOnnx(graph: OnnxGraph): Uint8Array {
  return Buffer.concat([
    integer(1, 8),
    text(2, 'spate'),
    message(7, [
      ...graph.nodes.map((node) => message(1, nodeParts(node))),
      text(2, graph.name),
      ...graph.constants.map((constant) => message(5, constantParts(constant))),
      ...graph.inputs.map((face) => message(11, faceParts(face))),
      ...graph.outputs.map((face) => message(12, faceParts(face))),
    ]),
    message(8, [text(1, ''), integer(2, 13)]),
  ])
}

/** AttributeProto.AttributeType.INT. */
const intAttribute = 2

function nodeParts({ type, inputs, output, attributes = {} }: OnnxNode): Buffer[] {
  return [
    ...inputs.map((name) => text(1, name)),
    text(2, output),
    text(3, output),
    text(4, type),
    ...Object.entries(attributes).map(([name, value]) =>
      message(5, [text(1, name), integer(3, value), integer(20, intAttribute)]),
    ),
  ]
}

function constantParts({ name, dims, data }: OnnxConstant): Buffer[] {
  const type = data instanceof Float32Array ? onnxTypes.float : onnxTypes.int64
  const raw = Buffer.from(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
  return [...dims.map((size) => integer(1, size)), integer(2, type), text(8, name), bytes(9, raw)]
}

function faceParts({ name, type, dims }: OnnxFace): Buffer[] {
  const shape = dims.map((size) => message(1, [size < 0 ? text(2, 'rows') : integer(1, size)]))
  const tensor = [integer(1, onnxTypes[type]), message(2, shape)]
  return [text(1, name), message(2, [message(1, tensor)])]
}

function integer(field: number, value: number): Buffer {
  return Buffer.from([...varint(field * 8), ...varint(value)])
}

function bytes(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(value.length)]), value])
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value))
}

function message(field: number, parts: readonly Buffer[]): Buffer {
  return bytes(field, Buffer.concat(parts))
}

/** Base 128, for whole numbers from 0 to 2^53. */
function varint(value: number): number[] {
  const out: number[] = []
  let rest = value
  while (rest >= 128) {
    out.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  out.push(rest)
  return out
}
