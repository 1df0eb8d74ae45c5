import type { LinkedChannel, Voice } from '../recall/knowledge.ts'
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
    ...linear('walk', uniform, position(0.8)),
    ...linear('covisitation', position(0.9), position(0.7)),
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
