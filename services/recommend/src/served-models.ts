import {
  firstBlend,
  firstBlendForStrangers,
  firstBlendWithRepeats,
  type Blend,
} from './domain/recall/blend.ts'
import type { Models } from './domain/recall/knowledge.ts'

/** What ranks right now: models and the mixture chosen for them, swapped together. */
export interface Served {
  readonly version: number
  /** `blend-3`: what an answer says it was made by. */
  readonly name: string
  readonly models: Models
  readonly blend: Blend
  readonly blendWithRepeats: Blend
  readonly blendForStrangers: Blend
  /** Figures of the training that made it; absent before the first. */
  readonly training?: Readonly<Record<string, number | string>>
}

/** Holds the served models; a request takes them once, so no list mixes two versions. */
export class ServedModels {
  #served: Served = {
    version: 0,
    name: 'blend-0',
    models: {},
    blend: firstBlend,
    blendWithRepeats: firstBlendWithRepeats,
    blendForStrangers: firstBlendForStrangers,
  }

  now(): Served {
    return this.#served
  }

  /** Puts new models in place for all requests that begin from now on. */
  swap(next: Omit<Served, 'version' | 'name'>): Served {
    const version = this.#served.version + 1
    this.#served = { ...next, version, name: `blend-${version}` }
    return this.#served
  }
}
