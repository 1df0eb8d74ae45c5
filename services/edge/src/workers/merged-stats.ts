import { topDefault, type WindowAnswer } from '../contract.ts'
import { TrafficSlot } from '../domain/traffic-slot.ts'
import { trafficView } from '../domain/traffic-view.ts'
import type { SketchAnswer } from '../traffic/stats-routes.ts'
import { summed } from './merged-answers.ts'

/**
 * What all workers saw as one node would have seen it: quantiles, top lists and different clients
 * are of the merged sketches, for those of the parts cannot be added up.
 */
export function mergedStats(
  sketches: readonly SketchAnswer[],
  { window, top = topDefault }: { readonly window: number; readonly top?: number | undefined },
): WindowAnswer {
  const slot = new TrafficSlot()
  slot.merge(sketches.map((sketch) => TrafficSlot.of(sketch.slot)))
  const seconds = Math.max(...sketches.map((sketch) => sketch.seconds))
  const state = sketches.map((sketch): unknown => sketch.state).reduce(summed)
  return {
    ...trafficView({ slot, seconds }, { window, most: top }),
    ...(state as SketchAnswer['state']),
  }
}
