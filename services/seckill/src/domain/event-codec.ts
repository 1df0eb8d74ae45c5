import type { ByteReader, ByteWriter } from './bytes.ts'
import type { CampaignTerms } from './campaign.ts'
import type { CartLine, SaleEvent } from './event.ts'

/**
 * Events as bytes: one byte of type, six of time, then the fields in a fixed order. The bytes are
 * what the chain of hashes is made over, so a type's layout never changes; a new layout is a new
 * type number.
 */
const typeNumbers: Readonly<Record<SaleEvent['type'], number>> = {
  'campaign.created': 1,
  'campaign.changed': 2,
  'campaign.paused': 3,
  'campaign.resumed': 4,
  'campaign.closed': 5,
  'order.reserved': 6,
  'cart.reserved': 7,
  'order.paid': 8,
  'order.cancelled': 9,
  'order.expired': 10,
  'order.refunded': 11,
  'payment.returned': 12,
  'purchase.refused': 13,
}

/** A cart in which some line spends a ticket. */
const ticketCart = 14

function typeNumber(event: SaleEvent): number {
  const spends = event.type === 'cart.reserved' && event.lines.some(({ ticket }) => ticket !== '')
  return spends ? ticketCart : typeNumbers[event.type]
}

/** Writes `event`. */
export function writeEvent(writer: ByteWriter, event: SaleEvent): void {
  const number = typeNumber(event)
  writer.u8(number)
  writer.u48(event.atMs)
  switch (event.type) {
    case 'campaign.created':
      writer.text(event.productId)
      writer.f64(event.stock)
      writer.u32(event.perUserLimit)
      writer.u48(event.startsAtMs)
      writer.u48(event.endsAtMs)
      writer.u48(event.reservationTtlMs)
      writeGate(writer, event)
      return
    case 'campaign.changed':
      writer.u32(event.campaign)
      writer.f64(event.stockDelta)
      writer.u48(event.startsAtMs)
      writer.u48(event.endsAtMs)
      writer.u32(event.perUserLimit)
      writer.text(event.key)
      return
    case 'campaign.paused':
    case 'campaign.resumed':
    case 'campaign.closed':
      writer.u32(event.campaign)
      return
    case 'order.reserved':
      writer.u32(event.campaign)
      writer.text(event.userId)
      writer.u32(event.quantity)
      writer.u32(event.randomA)
      writer.u16(event.randomB)
      writer.text(event.key)
      writer.text(event.ticket)
      return
    case 'cart.reserved':
      writer.text(event.userId)
      writer.text(event.key)
      writer.u16(event.lines.length)
      for (const line of event.lines) {
        writer.u32(line.campaign)
        writer.u32(line.quantity)
        writer.u32(line.randomA)
        writer.u16(line.randomB)
        if (number === ticketCart) writer.text(line.ticket)
      }
      return
    case 'order.paid':
      writer.u32(event.order)
      writer.u8(event.reinstated ? 1 : 0)
      writer.text(event.paymentId)
      return
    case 'order.cancelled':
    case 'order.expired':
    case 'order.refunded':
      writer.u32(event.order)
      return
    case 'payment.returned':
      writer.u32(event.order)
      writer.text(event.paymentId)
      return
    case 'purchase.refused':
      writer.u32(event.campaign)
      writer.text(event.userId)
      writer.text(event.key)
      writer.u8((event.code === 'sold_out' ? 0 : 1) | (event.cart ? 2 : 0))
      writer.u32(event.asked)
  }
}

/** Bit 2 says that the gate's figures follow: logs written before there were any stay as they are. */
function writeGate(writer: ByteWriter, terms: CampaignTerms): void {
  const { requireTicket, queue, proofBits, admitPerSecond } = terms
  const figures = proofBits !== undefined && admitPerSecond !== undefined
  writer.u8((requireTicket ? 1 : 0) | (queue ? 2 : 0) | (figures ? 4 : 0))
  if (!figures) return
  writer.u8(proofBits)
  writer.u32(admitPerSecond)
}

function readGate(
  reader: ByteReader,
): Pick<CampaignTerms, 'requireTicket' | 'queue' | 'proofBits' | 'admitPerSecond'> {
  const flags = reader.u8()
  const figures = (flags & 4) === 0 ? {} : { proofBits: reader.u8(), admitPerSecond: reader.u32() }
  return { requireTicket: (flags & 1) !== 0, queue: (flags & 2) !== 0, ...figures }
}

const stateTypes = ['campaign.paused', 'campaign.resumed', 'campaign.closed'] as const
const endTypes = ['order.cancelled', 'order.expired', 'order.refunded'] as const

/** Reads one event. Throws `RangeError` where the bytes are not an event. */
export function readEvent(reader: ByteReader): SaleEvent {
  const type = reader.u8()
  const atMs = reader.u48()
  switch (type) {
    case 1:
      return readCreated(reader, atMs)
    case 2:
      return {
        type: 'campaign.changed',
        atMs,
        campaign: reader.u32(),
        stockDelta: reader.f64(),
        startsAtMs: reader.u48(),
        endsAtMs: reader.u48(),
        perUserLimit: reader.u32(),
        key: reader.text(),
      }
    case 3:
    case 4:
    case 5:
      return { type: stateTypes[type - 3] as 'campaign.paused', atMs, campaign: reader.u32() }
    case 6:
      return {
        type: 'order.reserved',
        atMs,
        campaign: reader.u32(),
        userId: reader.text(),
        quantity: reader.u32(),
        randomA: reader.u32(),
        randomB: reader.u16(),
        key: reader.text(),
        ticket: reader.text(),
      }
    case 7:
    case ticketCart:
      return readCart(reader, atMs, type === ticketCart)
    case 8:
      return {
        type: 'order.paid',
        atMs,
        order: reader.u32(),
        reinstated: reader.u8() === 1,
        paymentId: reader.text(),
      }
    case 9:
    case 10:
    case 11:
      return { type: endTypes[type - 9] as 'order.expired', atMs, order: reader.u32() }
    case 12:
      return { type: 'payment.returned', atMs, order: reader.u32(), paymentId: reader.text() }
    case 13:
      return readRefused(reader, atMs)
    default:
      throw new RangeError(`no event has the type number ${type}`)
  }
}

function readCreated(reader: ByteReader, atMs: number): SaleEvent {
  const productId = reader.text()
  const stock = reader.f64()
  const perUserLimit = reader.u32()
  const startsAtMs = reader.u48()
  const endsAtMs = reader.u48()
  const reservationTtlMs = reader.u48()
  return {
    type: 'campaign.created',
    atMs,
    productId,
    stock,
    perUserLimit,
    startsAtMs,
    endsAtMs,
    reservationTtlMs,
    ...readGate(reader),
  }
}

function readCart(reader: ByteReader, atMs: number, tickets: boolean): SaleEvent {
  const userId = reader.text()
  const key = reader.text()
  const count = reader.u16()
  const lines: CartLine[] = []
  for (let at = 0; at < count; at++) {
    lines.push({
      campaign: reader.u32(),
      quantity: reader.u32(),
      randomA: reader.u32(),
      randomB: reader.u16(),
      ticket: tickets ? reader.text() : '',
    })
  }
  return { type: 'cart.reserved', atMs, userId, key, lines }
}

function readRefused(reader: ByteReader, atMs: number): SaleEvent {
  const campaign = reader.u32()
  const userId = reader.text()
  const key = reader.text()
  const flags = reader.u8()
  const asked = reader.u32()
  return {
    type: 'purchase.refused',
    atMs,
    campaign,
    userId,
    key,
    code: (flags & 1) === 0 ? 'sold_out' : 'limit_reached',
    asked,
    cart: (flags & 2) !== 0,
  }
}
