import { request as send } from 'undici'
import type { BenchRow } from '@spate/runtime/bench'
import { systemClock } from '@spate/runtime/clock'
import { openLoad } from './open-load.ts'
import { median, speedRow, spread } from './rounds.ts'
import { benchToken, measuredEdge, type MeasuredEdge } from './subjects.ts'

const objects = 100_000
const rounds = 3

/** What other requests feel of a purge of 100,000 objects by one tag; the control is the second before it. */
export async function purgeRow(origin: string): Promise<BenchRow> {
  const during: number[] = []
  const before: number[] = []
  const took: number[] = []
  for (let round = 0; round < rounds; round++) {
    const edge = await measuredEdge(origin, objects)
    const load = { url: edge.url, rate: 1000, connections: 50, path: () => '/size/1024' }
    before.push((await openLoad({ ...load, seconds: 1 })).p99Ms)
    const purging = systemClock.sleep(100).then(() => purge(edge))
    during.push((await openLoad({ ...load, seconds: 1 })).p99Ms)
    took.push(await purging)
    await edge.stop()
  }
  return speedRow(
    `${objects} objects purged by one tag: P99 of others, ms`,
    {
      spate: `${spread(during, 1)}; acknowledged after ${spread(took)} ms`,
      control: spread(before, 1),
    },
    { goal: '<= 150 ms', met: median(during) <= 150, found: `${median(during).toFixed(1)} ms` },
  )
}

/** Time until the purge is acknowledged, ms. Throws where it did not find all of them. */
async function purge({ admin }: MeasuredEdge): Promise<number> {
  const startMs = systemClock.elapsed()
  const { body } = await send(`${admin}/purge`, {
    method: 'POST',
    headers: { authorization: `Bearer ${benchToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ tags: ['one'] }),
  })
  const { purged } = (await body.json()) as { readonly purged?: number }
  if (purged !== objects) throw new Error(`${purged} of ${objects} objects were purged`)
  return systemClock.elapsed() - startMs
}
