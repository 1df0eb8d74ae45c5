import type { Blend } from '../recall/blend.ts'
import { isPersonal, type LinkedChannel, type Voice } from '../recall/knowledge.ts'
import type { Profile } from '../recall/profile.ts'

const dayMs = 86_400_000
const uniform: Profile = { kind: 'uniform' }
const position = (factor: number): Profile => ({ kind: 'position', factor })
const days = (count: number): Profile => ({ kind: 'time', halfLifeMs: count * dayMs })

/**
 * The voices validation chooses among. `timed`: times mean something; otherwise only the order of
 * events is known, and voices that measure in days are left out. `content`, `latest`: something is
 * said of items, or known of their age.
 */
export function candidateVoices(from: {
  readonly timed: boolean
  readonly repeats: boolean
  readonly content: boolean
  readonly latest: boolean
}): Voice[] {
  const { timed, repeats, content, latest } = from
  const linear = (channel: LinkedChannel, ...profiles: Profile[]) =>
    profiles.map((profile): Voice => ({ channel, profile }))
  const voices: Voice[] = [
    ...linear('ease', uniform, position(0.95), position(0.8)),
    ...linear('next', position(0.9), position(0.75), position(0.5)),
    ...linear('follow', position(0.8), position(0.5), position(0.1)),
    ...linear('walk', uniform, position(0.8)),
    ...linear('near', uniform, position(0.8)),
    ...linear('covisitation', position(0.9), position(0.7), position(0.4)),
    ...linear('factors', uniform, position(0.9)),
    { channel: 'popular', span: 'ever', power: 1 },
    { channel: 'popular', span: 'ever', power: 0.5 },
  ]
  if (timed)
    voices.push(
      ...linear('ease', days(90), days(30)),
      ...linear('walk', days(90)),
      ...linear('covisitation', days(30)),
      ...linear('session', uniform),
      { channel: 'popular', span: 'quarter', power: 1 },
      { channel: 'popular', span: 'fortnight', power: 1 },
      { channel: 'popular', span: 'fortnight', power: 0.5 },
      { channel: 'trending', span: 'day', power: 0.5 },
    )
  if (content) voices.push(...linear('content', position(0.8)))
  if (latest && timed) voices.push({ channel: 'latest', halfLifeMs: 7 * dayMs })
  if (repeats) {
    const profiles = [uniform, position(0.95), ...(timed ? [days(30), days(90)] : [])]
    voices.push(...profiles.map((profile): Voice => ({ channel: 'again', profile })))
  }
  return voices
}

/** Voices that know nothing of who asks: for somebody without a history there are no others. */
export function strangerVoices(from: {
  readonly timed: boolean
  readonly latest: boolean
}): Voice[] {
  return candidateVoices({ ...from, repeats: false, content: false }).filter(
    ({ channel }) => !isPersonal(channel),
  )
}

/**
 * The usual mixture of `voices`, for data that say too little to choose by: what goes with the history
 * (EASE and RP3beta, each strong on its own), what comes back, and a little of what all want.
 */
export function usualBlend(voices: readonly Voice[], alone: boolean): Blend {
  const parts: readonly [number, (voice: Voice) => boolean][] = [
    [1, (voice) => voice.channel === 'ease' && voice.profile.kind === 'uniform'],
    [1, (voice) => voice.channel === 'walk' && voice.profile.kind === 'uniform'],
    [alone ? 0 : 0.5, (voice) => voice.channel === 'again' && voice.profile.kind === 'uniform'],
    [0.25, (voice) => voice.channel === 'popular' && voice.span === 'ever' && voice.power === 1],
    [0.25, (voice) => voice.channel === 'popular' && voice.span === 'quarter'],
    [0.25, (voice) => voice.channel === 'content'],
    [0.1, (voice) => voice.channel === 'latest'],
  ]
  return parts.flatMap(([weight, suits]) => {
    const voice = weight === 0 ? undefined : voices.find(suits)
    return voice ? [{ voice, weight }] : []
  })
}
