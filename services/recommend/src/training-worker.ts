import { parentPort, workerData } from 'node:worker_threads'
import { choose, trainModels, type TrainingOptions } from './domain/learn/training.ts'
import type { Interactions } from './domain/recall/interactions.ts'

/** What the thread is given. Two of them, one for each half, train on two processors. */
export interface TrainingJob {
  readonly half: 'models' | 'choice'
  readonly interactions: Interactions
  readonly options: TrainingOptions
}

const { half, interactions, options } = workerData as TrainingJob
parentPort?.postMessage((half === 'models' ? trainModels : choose)(interactions, options))
