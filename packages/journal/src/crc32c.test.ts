import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { crc32c } from './crc32c.ts'

const of = (bytes: Uint8Array): number => crc32c(bytes, 0, bytes.length)

test('crc32c gives the values of RFC 3720 appendix B.4', () => {
  assert.equal(of(new Uint8Array(32)), 0x8a9136aa)
  assert.equal(of(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
  assert.equal(of(Uint8Array.from({ length: 32 }, (_, at) => at)), 0x46dd794e)
  assert.equal(of(Uint8Array.from({ length: 32 }, (_, at) => 31 - at)), 0x113fdb5c)
  assert.equal(of(new TextEncoder().encode('123456789')), 0xe3069283)
})

test('crc32c of a part equals the bit-by-bit definition, and pieces join', () => {
  const slow = (bytes: Uint8Array): number => {
    let crc = 0xffffffff
    for (const byte of bytes) {
      crc ^= byte
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    }
    return ~crc >>> 0
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), fc.nat(200), (bytes, a, b) => {
      const start = Math.min(a, b, bytes.length)
      const end = Math.min(Math.max(a, b), bytes.length)
      assert.equal(crc32c(bytes, start, end), slow(bytes.subarray(start, end)))
      assert.equal(
        crc32c(bytes, start, bytes.length, crc32c(bytes, 0, start)),
        crc32c(bytes, 0, bytes.length),
      )
    }),
  )
})
