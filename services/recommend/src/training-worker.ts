import { parentPort, workerData } from 'node:worker_threads'
import { choose, trainModels, type Said, type TrainingOptions } from './domain/learn/training.ts'
import type { Interactions } from './domain/recall/interactions.ts'

/** What the thread is given. Two of them, one for each half, train on two processors. */
export interface TrainingJob {
  readonly half: 'models' | 'choice'
  readonly interactions: Interactions
  readonly options: TrainingOptions
  readonly said: Said
}

const { half, interactions, options, said } = workerData as TrainingJob
const result =
  half === 'models' ? trainModels(interactions, options) : choose(interactions, options, said)
// Handed over, not copied: a copy of the dense block would hold up the thread that answers.
parentPort?.postMessage(result, buffersOf(result))

/** The memory below `value` that can be handed over. */
function buffersOf(value: unknown, found = new Set<ArrayBuffer>()): ArrayBuffer[] {
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) found.add(value.buffer)
  } else if (typeof value === 'object' && value !== null)
    for (const part of Object.values(value)) buffersOf(part, found)
  return [...found]
}
