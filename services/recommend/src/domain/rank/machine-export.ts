import { featureNames } from '../features/feature-vector.ts'
import { tokenNames } from '../features/token.ts'
import { factors, oddsMax, type MachineState } from './factorisation-machine.ts'
import { numberScale, valueMax } from './sparse-row.ts'
import { encodeOnnx, type OnnxConstant, type OnnxNode } from './onnx-writer.ts'

/** A head that has a say, and what its yes is worth. */
export interface ExportedHead {
  readonly name: string
  readonly machine: MachineState
  readonly worth: number
}

/** A graph under construction. */
class Draft {
  readonly nodes: OnnxNode[] = []
  readonly constants: OnnxConstant[] = []

  constant(name: string, dims: readonly number[], data: OnnxConstant['data']): string {
    this.constants.push({ name, dims, data })
    return name
  }

  scalar(name: string, value: number): string {
    return this.constant(name, [], Float32Array.of(value))
  }

  node(
    output: string,
    type: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, number>>,
  ): string {
    this.nodes.push({ output, type, inputs, ...(attributes ? { attributes } : {}) })
    return output
  }
}

/**
 * The machines as an ONNX model that gives what `OnlineRanker.logWorth` gives: inputs `numbers`
 * (rows x 34 floats) and `tokens` (rows x 7 int64) as `featuresOf` makes them, output `scores`
 * (rows). About 2.4 MB a head.
 */
export function exportOnnx(heads: readonly ExportedHead[]): Uint8Array {
  const draft = new Draft()
  const buckets = BigInt(heads[0]?.machine.buckets ?? 1)
  const limits = [draft.scalar('value_min', -valueMax), draft.scalar('value_max', valueMax)]
  draft.node('scaled', 'Mul', ['numbers', draft.scalar('number_scale', numberScale)])
  draft.node('x', 'Clip', ['scaled', ...limits])
  draft.node('xx', 'Mul', ['x', 'x'])
  draft.constant('zero', [], BigInt64Array.of(0n))
  draft.node('absent', 'Equal', ['tokens', 'zero'])
  draft.node('there', 'Not', ['absent'])
  draft.node('present', 'Cast', ['there'], { to: 1 })
  draft.constant('first', [1], BigInt64Array.of(1n))
  draft.constant('second', [1], BigInt64Array.of(2n))
  draft.node('present3', 'Unsqueeze', ['present', 'second'])
  draft.node('place', 'Mod', ['tokens', draft.constant('buckets', [], BigInt64Array.of(buckets))])
  draft.scalar('half', 0.5)
  draft.scalar('odds_min', -oddsMax)
  draft.scalar('odds_max', oddsMax)
  const worths = heads.map((head) => addHead(draft, head))
  draft.node('worth', 'Sum', worths)
  draft.node('positive', 'Max', ['worth', draft.scalar('least', 1e-9)])
  draft.node('logs', 'Log', ['positive'])
  draft.node('scores', 'Squeeze', ['logs', 'first'])
  return encodeOnnx({
    name: 'spate-ranker',
    inputs: [
      { name: 'numbers', type: 'float', dims: [-1, featureNames.length] },
      { name: 'tokens', type: 'int64', dims: [-1, tokenNames.length] },
    ],
    outputs: [{ name: 'scores', type: 'float', dims: [-1] }],
    nodes: draft.nodes,
    constants: draft.constants,
  })
}

/** Adds one machine; gives the name of its worth, rows x 1. */
function addHead(draft: Draft, { name, machine, worth }: ExportedHead): string {
  const numbers = featureNames.length
  const { weights, vectors, buckets } = machine
  const own = (part: string): string => `${name}_${part}`
  const node = (part: string, type: string, ...inputs: string[]): string =>
    draft.node(own(part), type, inputs)
  const sum = (part: string, input: string, keepdims: 0 | 1): string =>
    draft.node(own(part), 'ReduceSum', [input, 'first'], { keepdims })
  const numberVectors = vectors.slice(0, numbers * factors)
  const w = draft.constant(own('w'), [numbers, 1], weights.slice(0, numbers))
  const v = draft.constant(own('v'), [numbers, factors], numberVectors)
  const squares = numberVectors.map((value) => value * value)
  const vv = draft.constant(own('vv'), [numbers, factors], squares)
  const tw = draft.constant(own('token_w'), [buckets], weights.slice(numbers))
  const tv = draft.constant(own('token_v'), [buckets, factors], vectors.slice(numbers * factors))
  const bias = draft.scalar(own('bias'), machine.bias[0] ?? 0)
  const tokenWeights = node('tw', 'Mul', node('tw_all', 'Gather', tw, 'place'), 'present')
  const tokenVectors = node('tv', 'Mul', node('tv_all', 'Gather', tv, 'place'), 'present3')
  const tokenSquares = node('tv2', 'Mul', tokenVectors, tokenVectors)
  const s = node('s', 'Add', node('sn', 'MatMul', 'x', v), sum('st', tokenVectors, 0))
  const q = node('q', 'Add', node('qn', 'MatMul', 'xx', vv), sum('qt', tokenSquares, 0))
  const spread = node('spread', 'Sub', node('ss', 'Mul', s, s), q)
  const pairs = node('pairs', 'Mul', sum('pairs2', spread, 1), 'half')
  const linear = node(
    'linear',
    'Sum',
    node('wn', 'MatMul', 'x', w),
    sum('wt', tokenWeights, 1),
    bias,
  )
  const odds = node('odds', 'Add', linear, pairs)
  const chance = node('chance', 'Sigmoid', node('clipped', 'Clip', odds, 'odds_min', 'odds_max'))
  return node('worth', 'Mul', chance, draft.scalar(own('worth_of'), worth))
}
