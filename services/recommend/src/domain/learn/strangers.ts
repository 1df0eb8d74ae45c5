import { emptyHistory } from '../history.ts'
import type { Blend } from '../recall/blend.ts'
import { Covisitation } from '../recall/covisitation.ts'
import type { Interactions } from '../recall/interactions.ts'
import type { Latest } from '../recall/latest.ts'
import { Popularity } from '../recall/popularity.ts'
import { selectBlends, type Trial } from './selection.ts'
import { cut } from './task.ts'
import { strangerVoices, usualBlend } from './voices.ts'

/**
 * The mixture for somebody unknown: chosen on what all users did in the last tenth of the events,
 * by what was popular and new before it.
 */
export function chooseForStrangers(
  interactions: Interactions,
  options: { readonly timed: boolean; readonly trialsMin: number; readonly trialsMax: number },
  latest: Latest | undefined,
): Blend {
  const voices = strangerVoices({
    timed: options.timed,
    latest: (latest?.size ?? 0) > 0,
  })
  const usual = usualBlend(voices, true)
  const times = interactions.timesMs.slice().sort()
  const from = times[Math.floor(times.length * strangersAfter)] ?? 0
  const ms = (times.at(-1) ?? 0) - from
  const { train: rest, held, nowMs } = cut(interactions, { kind: 'horizon', ms })
  const able = held.filter((wanted) => wanted.length > 0)
  const step = Math.max(1, able.length / options.trialsMax)
  const trials: Trial[] = []
  for (let at = 0; at < able.length; at += step)
    trials.push({
      asker: { history: emptyHistory, nowMs },
      wanted: able[Math.floor(at)] as readonly number[],
    })
  if (trials.length < options.trialsMin || rest.items.length === 0) return usual
  const popularity = new Popularity()
  rest.items.forEach((item, at) => popularity.observe(item, rest.timesMs[at] as number, 1))
  const { itemCount } = interactions
  const knowledge = { itemCount, popularity, covisitation: new Covisitation(), models: {} }
  const { fresh } = selectBlends({
    voices,
    usual: { fresh: usual, whole: usual },
    trials,
    knowledge: latest ? { ...knowledge, latest } : knowledge,
    repeats: false,
  })
  return fresh.blend.length > 0 ? fresh.blend : usual
}

/** Share of the events that come before those strangers are served by. */
const strangersAfter = 0.9
