import type { Asker } from './quiet-client.ts'

/** A flash sale as the console shows it. */
export interface Campaign {
  readonly productId: string
  readonly state: string
  readonly total: number
  readonly remaining: number
  readonly reserved: number | undefined
  readonly paid: number | undefined
}

/** Every campaign, fewest units left first among those that run; undefined where seckill does not answer. */
export async function readCampaigns(
  client: Asker,
  seckillUrl: string,
  timeoutMs: number,
): Promise<readonly Campaign[] | undefined> {
  try {
    const answer = await client.fetch(`${seckillUrl}/seckill/campaigns`, { timeoutMs })
    const body: unknown = JSON.parse(await answer.text())
    if (answer.status !== 200) return undefined
    const named = (body as { readonly campaigns?: unknown }).campaigns
    const list = Array.isArray(body) ? body : Array.isArray(named) ? named : []
    return list.filter(isRecord).map(campaignOf)
  } catch {
    // Not there, too slow, or not seckill: the panel says so.
    return undefined
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function campaignOf(record: Readonly<Record<string, unknown>>): Campaign {
  const number = (name: string): number | undefined =>
    typeof record[name] === 'number' ? record[name] : undefined
  const text = (name: string): string => (typeof record[name] === 'string' ? record[name] : '')
  const remaining = number('remaining') ?? 0
  return {
    productId: text('productId'),
    state: text('state') || text('status') || 'open',
    total: (number('total') ?? number('stock') ?? remaining) + (number('adjusted') ?? 0),
    remaining,
    reserved: number('reserved'),
    paid: number('paid'),
  }
}
