import type { ByteReader, ByteWriter } from '../../domain/bytes.ts'
import { seedBytes } from './draw.ts'
import type { QueueEvent } from './queue.ts'

const types = ['opened', 'joined', 'drawn', 'admitted', 'closed'] as const

/** Writes one event: a byte of type, then the fields in a fixed order. */
export function writeQueueEvent(writer: ByteWriter, event: QueueEvent): void {
  writer.u8(types.indexOf(event.type) + 1)
  switch (event.type) {
    case 'opened':
      writer.text(event.productId)
      writer.u32(event.epoch)
      writer.raw(event.seed)
      return
    case 'joined':
      writer.u32(event.room)
      writer.text(event.userId)
      return
    case 'drawn':
      writer.u32(event.room)
      writer.u32(event.arrivals)
      return
    case 'admitted':
      writer.u32(event.room)
      writer.u32(event.count)
      return
    case 'closed':
      writer.u32(event.room)
  }
}

/** Reads one event. Throws `RangeError` where the bytes are not an event. */
export function readQueueEvent(reader: ByteReader): QueueEvent {
  const type = types[reader.u8() - 1]
  if (!type) throw new RangeError('the waiting room has no such event')
  switch (type) {
    case 'opened': {
      const productId = reader.text()
      const epoch = reader.u32()
      return { type, productId, epoch, seed: reader.raw(seedBytes).slice() }
    }
    case 'joined':
      return { type, room: reader.u32(), userId: reader.text() }
    case 'drawn':
      return { type, room: reader.u32(), arrivals: reader.u32() }
    case 'admitted':
      return { type, room: reader.u32(), count: reader.u32() }
    case 'closed':
      return { type, room: reader.u32() }
  }
}
