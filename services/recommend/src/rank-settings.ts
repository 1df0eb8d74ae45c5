import { choice, decimal, duration, integer, text, type TableOf } from '@spate/runtime/settings'
import { onlineRankerDefaults, type OnlineRankerOptions } from './domain/rank/online-ranker.ts'

/** Settings of ranking and of what it learns from. */
export interface RankSettings {
  readonly ranker: 'builtin' | 'onnx' | 'tfserving' | 'kserve'
  readonly modelServer: string | undefined
  readonly modelName: string
  readonly modelVersion: number | undefined
  readonly modelLabel: string | undefined
  readonly modelSignature: string
  readonly modelBudget: number
  readonly modelFile: string | undefined
  readonly onnxRuntime: string | undefined
  readonly promotionOverlapMin: number
  readonly rankDepth: number
  readonly servedListsPerSecond: number
  readonly learnAfter: number
  readonly learnListsMax: number
  readonly clickWorth: number
  readonly cartWorth: number
  readonly purchaseWorth: number
}

/** Rows of `RankSettings`. */
export const rankSettings: TableOf<RankSettings> = {
  ranker: choice(
    'builtin',
    ['builtin', 'onnx', 'tfserving', 'kserve'],
    'Who ranks: the engine itself, an ONNX file in process, TensorFlow Serving, or a KServe v2 server; the engine takes over where that one is late, wrong or away',
  ),
  modelServer: text(
    undefined,
    'Model server: host:port for gRPC, or an http(s) URL for the REST API of TensorFlow Serving',
    {
      pattern: /^(?:https?:\/\/\S+|[^\s/:]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5})$/,
      expected: 'host:port, or a URL like http://127.0.0.1:8501',
    },
  ),
  modelName: text('ranker', 'Name of the model on the server'),
  modelVersion: integer(undefined, 0, 2 ** 53 - 1, 'A fixed version; the newest where unset'),
  modelLabel: text(undefined, 'A version label like stable; goes before modelVersion'),
  modelSignature: text('serving_default', 'Signature of the model (TensorFlow Serving)'),
  modelBudget: duration(50, 1, 10_000, 'Time a model outside may take for one list'),
  modelFile: text(undefined, 'ONNX file, where ranker is onnx'),
  onnxRuntime: text(
    undefined,
    'Folder with node_modules/onnxruntime-node, where it is not beside the engine',
  ),
  promotionOverlapMin: decimal(
    0,
    0,
    1,
    'Least share of the first 20 items that trained models must have in common with those served, or they are not',
  ),
  rankDepth: integer(200, 1, 1000, 'Candidates a ranking model is asked about'),
  servedListsPerSecond: integer(
    200,
    0,
    100_000,
    'Served lists written to the event log a second, with their features: what models learn from and experiments are judged by; 0 writes none',
  ),
  learnAfter: duration(
    30 * 60_000,
    1000,
    7 * 86_400_000,
    'Time after which a shown item that was not chosen counts as passed over',
  ),
  learnListsMax: integer(
    5000,
    10,
    1_000_000,
    'Served lists kept in memory for late outcomes (4 KB each); the oldest make room',
  ),
  clickWorth: decimal(1, 0, 1e6, 'What a click is worth to the ranking'),
  cartWorth: decimal(3, 0, 1e6, 'What putting an item in the cart is worth'),
  purchaseWorth: decimal(8, 0, 1e6, 'What a purchase is worth'),
}

/** How to learn, as the settings have it. */
export function learningOf(settings: RankSettings): OnlineRankerOptions {
  const { clickWorth, cartWorth, purchaseWorth } = settings
  return {
    ...onlineRankerDefaults,
    worth: { click: clickWorth, cart: cartWorth, purchase: purchaseWorth },
    waitMs: settings.learnAfter,
    listsMax: settings.learnListsMax,
  }
}
