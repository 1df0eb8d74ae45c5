import { Fault } from '@spate/runtime/fault'
import type { Clock } from '@spate/runtime/clock'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { RankSettings } from '../rank-settings.ts'
import { KserveRanker } from './kserve.ts'
import { OnnxRanker } from './onnx-ranker.ts'
import type { Ranker } from './ranker.ts'
import { TfServingRestRanker } from './tf-serving-rest.ts'
import { TfServingRanker } from './tf-serving.ts'

/** The model the settings name; undefined where the engine ranks by itself. Throws `settings_invalid`. */
export function configuredRanker(
  settings: RankSettings,
  parts: { readonly clock: Clock; readonly telemetry: Telemetry },
): Ranker | undefined {
  const { ranker, modelFile, modelServer, modelVersion, modelLabel, onnxRuntime } = settings
  if (ranker === 'builtin') return undefined
  if (ranker === 'onnx') {
    if (modelFile === undefined) throw missing('modelFile', 'the path of an ONNX file')
    return new OnnxRanker({
      file: modelFile,
      ...(onnxRuntime === undefined ? {} : { runtimeFolder: onnxRuntime }),
    })
  }
  if (modelServer === undefined) throw missing('modelServer', 'host:port, or a URL')
  const options = {
    ...parts,
    address: modelServer,
    model: settings.modelName,
    signature: settings.modelSignature,
    ...(modelVersion === undefined ? {} : { version: modelVersion }),
    ...(modelLabel === undefined ? {} : { label: modelLabel }),
  }
  if (ranker === 'kserve') return new KserveRanker(options)
  return /^https?:/.test(modelServer)
    ? new TfServingRestRanker(options)
    : new TfServingRanker(options)
}

function missing(field: string, expected: string): Fault {
  return new Fault('settings_invalid', `${field} is needed for this ranker: ${expected}`, {
    fields: [{ field, expected }],
  })
}
