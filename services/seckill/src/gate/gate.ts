import type { Tracer } from '@opentelemetry/api'
import type { Request } from '@spate/http/exchange'
import type { Clock } from '@spate/runtime/clock'
import type { Log } from '@spate/runtime/log'
import type { CounterSeries, Family, MetricRegistry } from '@spate/telemetry/metrics'
import { metricNames, spanNames } from '@spate/telemetry/names'
import type { Campaign } from '../domain/campaign.ts'
import { badTicket } from '../domain/command.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { openIdentity, type Identity } from './identity.ts'
import { KeyRing } from './key-ring.ts'
import {
  deviceOf,
  rateLimitsOf,
  type Attempt,
  type RateExcess,
  type RateLimits,
} from './rate-limits.ts'
import { RiskDesk } from './risk-desk.ts'
import type { GateSettings } from './settings.ts'
import { TicketOffice } from './ticket-office.ts'
import { WaitingRooms } from './waiting-rooms.ts'

/** Why the gate lets nobody through. */
export type GateRefusal =
  | { readonly code: 'rate_limited'; readonly excess: RateExcess }
  | { readonly code: 'held' | 'denied' }

/** What of a gate follows from settings alone. */
export interface GateRules {
  readonly identity: Identity
  readonly rates: RateLimits | undefined
  readonly risk: RiskDesk | undefined
}

type Settings = GateSettings & { readonly trustedProxies: readonly string[] }

/** Reads the settings, before anything is opened. Rejects with `settings_invalid`. */
export async function gateRules(settings: Settings, clock: Clock): Promise<GateRules> {
  return {
    identity: await openIdentity(settings, clock),
    rates: rateLimitsOf(settings, clock),
    risk: settings.risk === 'off' ? undefined : new RiskDesk(settings, clock),
  }
}

/** What a gate is made of. */
export interface GateOptions {
  readonly settings: Settings
  readonly rules: GateRules
  /** Folder of its keys and waiting rooms. */
  readonly folder: string
  readonly ledger: Pick<Ledger, 'campaign' | 'now'>
  readonly clock: Clock
  readonly log: Log
  readonly tracer: Tracer
  /** Where refusals are counted. */
  readonly metrics: MetricRegistry
}

/** What a request tells of where it comes from. */
export type Origin = Pick<Request, 'clientAddress' | 'headers' | 'context'>

/**
 * Admission, the cheapest check first, all in process: rates by client and device, identity, rates
 * by user and campaign, risk, then the ticket's signature. What is off costs nothing.
 */
export class Gate {
  readonly office: TicketOffice
  readonly rooms: WaitingRooms
  readonly risk: RiskDesk | undefined
  readonly identity: Identity
  /** True where a request may come without saying who asks. */
  readonly anonymous: boolean
  /** What a campaign gets where it says nothing. */
  readonly defaults: Pick<GateSettings, 'proofBits' | 'admitPerSecond'>
  readonly #rates: RateLimits | undefined
  readonly #tracer: Tracer
  readonly #ledger: GateOptions['ledger']
  readonly #refusals: Family<CounterSeries>

  private constructor(options: GateOptions, ring: KeyRing, rooms: WaitingRooms) {
    const { settings, rules } = options
    this.#ledger = options.ledger
    this.#tracer = options.tracer
    this.#refusals = options.metrics.counter(metricNames.seckillGateRefusals)
    this.#rates = rules.rates
    this.risk = rules.risk
    const { ticketExpire: ticketMs, challengeExpire: challengeMs } = settings
    this.office = new TicketOffice(ring, { ticketMs, challengeMs })
    this.rooms = rooms
    this.defaults = settings
    this.identity = rules.identity
    this.anonymous = settings.identity === 'body'
  }

  /** Opens keys and waiting rooms. Rejects where one of them cannot be had. */
  static async open(options: GateOptions): Promise<Gate> {
    const { settings, folder, ledger, clock, log } = options
    const ring = await KeyRing.open({
      folder,
      configured: settings.ticketKey,
      previous: settings.ticketKeyPrevious,
    })
    const rooms = await WaitingRooms.open({
      folder: `${folder}/queue`,
      ledger,
      clock,
      log,
      peopleMax: settings.queuePeopleMax,
    })
    return new Gate(options, ring, rooms)
  }

  /** Before it is known who asks. Undefined lets the request on. */
  arrive(origin: Origin): GateRefusal | undefined {
    const rates = this.#rates
    if (!rates) return undefined
    const { clientAddress } = origin
    return this.#checked(origin, rates.arrive({ clientAddress, device: deviceOf(origin) }))
  }

  /** Once it is known who asks for what. Undefined lets the request on. */
  ask(origin: Origin, userId: string, products: readonly string[]): GateRefusal | undefined {
    const excess = this.#rates?.ask({ userId, products })
    if (excess) return this.#checked(origin, excess)
    if (!this.risk) return undefined
    const { clientAddress } = origin
    const attempt: Attempt = { clientAddress, device: deviceOf(origin), userId, products }
    const verdict = this.risk.judge(attempt)
    if (verdict === 'allow') return undefined
    const code = verdict === 'hold' ? 'held' : 'denied'
    this.#count(code)
    return { code }
  }

  /**
   * Numbers of the tickets in `header` (separated by commas, one for each product that needs one,
   * in order): empty where a product needs none or its ticket is missing, `badTicket` where it is
   * not good. About 4 us a ticket.
   */
  ticketNumbers(userId: string, products: readonly string[], header: string | undefined): string[] {
    let given: string[] | undefined
    let next = 0
    return products.map((productId) => {
      const campaign = this.#ledger.campaign(productId)
      if (!campaign || !needsTicket(campaign)) return ''
      given ??= header?.split(',', products.length)
      const shown = given?.[next++]?.trim()
      const number = this.office.number(campaign, userId, shown, this.#ledger.now())
      if (number === '' || number === badTicket)
        this.#count(number === '' ? 'ticket_required' : 'ticket_invalid')
      return number
    })
  }

  close(): Promise<void> {
    return this.rooms.close()
  }

  #checked(origin: Origin, excess: RateExcess | undefined): GateRefusal | undefined {
    const span = this.#tracer.startSpan(spanNames.rateLimitCheck, {}, origin.context)
    span.setAttribute('allowed', excess === undefined)
    span.end()
    if (!excess) return undefined
    this.#count('rate_limited', excess.scope)
    return { code: 'rate_limited', excess }
  }

  #count(code: string, limit?: string): void {
    const attributes = { 'error.type': code, ...(limit && { 'limit.name': limit }) }
    this.#refusals.series(attributes).add()
  }
}

/** True where a purchase must show a ticket. */
export function needsTicket(campaign: Pick<Campaign, 'requireTicket' | 'queue'>): boolean {
  return campaign.requireTicket || campaign.queue
}
