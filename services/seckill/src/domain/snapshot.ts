import { campaignStates, type Campaign } from './campaign.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { Sale } from './sale.ts'
import type { TextTable } from './text-table.ts'

/**
 * The state as bytes: the same state gives the same bytes. Only what cannot be made again is
 * kept; hash slots, lists and counts by user are rebuilt at load.
 */
const version = 1

type Column = Float64Array | Uint32Array | Uint16Array | Uint8Array

/** `sale` as bytes. O(state). */
export function writeSnapshot(sale: Sale): Uint8Array {
  const writer = new ByteWriter(1 << 16)
  writer.u8(version)
  writer.f64(sale.sequence)
  writer.u48(sale.lastMs)
  writer.f64(sale.refusedKeys)
  writer.u32(sale.campaigns.length)
  for (const campaign of sale.campaigns) writeCampaign(writer, campaign)
  writeTexts(writer, sale.users)
  writeTexts(writer, sale.payments)
  writeTexts(writer, sale.tickets)
  writeTexts(writer, sale.keys.texts)
  const keys = sale.keys.texts.size
  writeColumn(writer, sale.keys.kind.subarray(0, keys))
  writeColumn(writer, sale.keys.ref.subarray(0, keys))
  writeColumn(writer, sale.keys.asked.subarray(0, keys))
  for (const column of sale.orders.columns()) writeColumn(writer, column)
  return writer.view()
}

/** The state `writeSnapshot` wrote. Throws `RangeError` where the bytes are not a snapshot. */
export function readSnapshot(bytes: Uint8Array, seed = 0): Sale {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== version) throw new RangeError('the snapshot has an unknown version')
  const sale = new Sale(seed)
  sale.sequence = reader.f64()
  sale.lastMs = reader.u48()
  sale.refusedKeys = reader.f64()
  const campaigns = reader.u32()
  for (let index = 0; index < campaigns; index++) sale.campaigns.push(readCampaign(reader, index))
  readTexts(reader, sale.users)
  readTexts(reader, sale.payments)
  readTexts(reader, sale.tickets)
  readTexts(reader, sale.keys.texts)
  sale.keys.reserve(sale.keys.texts.size)
  for (const column of [sale.keys.kind, sale.keys.ref, sale.keys.asked]) readColumn(reader, column)
  readOrders(reader, sale)
  countHoldings(sale)
  sale.relink()
  return sale
}

function readOrders(reader: ByteReader, sale: Sale): void {
  const { orders } = sale
  const first = readBytes(reader)
  const size = first.length / 8
  orders.reserve(size)
  bytesOf(orders.atMs).set(first)
  const rest = [
    orders.randomA,
    orders.randomB,
    orders.user,
    orders.campaign,
    orders.quantity,
    orders.status,
    orders.cart,
    orders.payment,
  ]
  for (const column of rest) readColumn(reader, column)
}

/** Units by (campaign, user) follow from the orders that hold units. */
function countHoldings(sale: Sale): void {
  const { orders } = sale
  for (let slot = 0; slot < orders.size; slot++) {
    const held = (orders.status[slot] as number) <= 1
    sale.holdings.add(
      orders.campaign[slot] as number,
      orders.user[slot] as number,
      held ? (orders.quantity[slot] as number) : 0,
    )
  }
}

function writeCampaign(writer: ByteWriter, campaign: Campaign): void {
  writer.text(campaign.productId)
  writer.u32(campaign.epoch)
  writer.u48(campaign.createdAtMs)
  writer.f64(campaign.total)
  writer.u48(campaign.reservationTtlMs)
  const gated = campaign.proofBits !== 0 || campaign.admitPerSecond !== 0
  writer.u8((campaign.requireTicket ? 1 : 0) | (campaign.queue ? 2 : 0) | (gated ? 4 : 0))
  if (gated) {
    writer.u8(campaign.proofBits)
    writer.u32(campaign.admitPerSecond)
  }
  writer.u32(campaign.perUserLimit)
  writer.u48(campaign.startsAtMs)
  writer.u48(campaign.endsAtMs)
  writer.u8(campaignStates.indexOf(campaign.state))
  for (const count of [
    campaign.adjusted,
    campaign.remaining,
    campaign.reserved,
    campaign.paid,
    campaign.returned,
    campaign.orders,
    campaign.flagVersion,
    campaign.lastSequence,
  ])
    writer.f64(count)
}

function readCampaign(reader: ByteReader, index: number): Campaign {
  const productId = reader.text()
  const epoch = reader.u32()
  const createdAtMs = reader.u48()
  const total = reader.f64()
  const reservationTtlMs = reader.u48()
  const flags = reader.u8()
  return {
    index,
    productId,
    epoch,
    createdAtMs,
    total,
    reservationTtlMs,
    requireTicket: (flags & 1) !== 0,
    queue: (flags & 2) !== 0,
    proofBits: (flags & 4) === 0 ? 0 : reader.u8(),
    admitPerSecond: (flags & 4) === 0 ? 0 : reader.u32(),
    perUserLimit: reader.u32(),
    startsAtMs: reader.u48(),
    endsAtMs: reader.u48(),
    state: campaignStates[reader.u8()] ?? 'closed',
    adjusted: reader.f64(),
    remaining: reader.f64(),
    reserved: reader.f64(),
    paid: reader.f64(),
    returned: reader.f64(),
    orders: reader.f64(),
    flagVersion: reader.f64(),
    lastSequence: reader.f64(),
    expiryHead: 0,
    expiryTail: 0,
  }
}

function writeTexts(writer: ByteWriter, table: TextTable): void {
  const { bytes, offsets, salts } = table.columns()
  writeColumn(writer, bytes)
  writeColumn(writer, offsets)
  writeColumn(writer, salts)
}

function readTexts(reader: ByteReader, table: TextTable): void {
  const bytes = readBytes(reader)
  const offsets = words(readBytes(reader))
  const salts = words(readBytes(reader))
  table.restore({ bytes, offsets, salts })
}

function writeColumn(writer: ByteWriter, column: Column): void {
  writer.f64(column.byteLength)
  writer.raw(bytesOf(column))
}

function readColumn(reader: ByteReader, column: Column): void {
  bytesOf(column).set(readBytes(reader))
}

function readBytes(reader: ByteReader): Uint8Array {
  return reader.raw(reader.f64())
}

function bytesOf(column: Column): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength)
}

/** A copy, because the bytes may not lie on a word boundary. */
function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer)
}
