// Finds a proof of work in a worker, so that the page stays alive: numbers in base 36 until SHA-256
// of `challenge.number` begins with enough zero bits. Own SHA-256 (FIPS 180-4): the browser's is
// asynchronous, and its calls cost ten times the hash; and it is missing on plain http.
'use strict'
const primes = []
for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime)) primes.push(n)
const fraction = (root) => ((root - Math.floor(root)) * 4294967296) | 0
const constants = Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)))
const beginning = Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)))
const words = new Int32Array(64)
const state = new Int32Array(8)
const turn = (value, by) => (value >>> by) | (value << (32 - by))

function block(view, from) {
  for (let t = 0; t < 16; t++) words[t] = view.getInt32(from + 4 * t)
  for (let t = 16; t < 64; t++) {
    const x = words[t - 15]
    const y = words[t - 2]
    const low = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)
    const high = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10)
    words[t] = words[t - 16] + low + words[t - 7] + high
  }
  let [a, b, c, d, e, f, g, h] = state
  for (let t = 0; t < 64; t++) {
    const big = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)
    const one = (h + big + ((e & f) ^ (~e & g)) + constants[t] + words[t]) | 0
    const two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
    h = g
    g = f
    f = e
    e = (d + one) | 0
    d = c
    c = b
    b = a
    a = (one + two) | 0
  }
  state[0] += a
  state[1] += b
  state[2] += c
  state[3] += d
  state[4] += e
  state[5] += f
  state[6] += g
  state[7] += h
}

/** Leading zero bits of SHA-256 over `text`, which is ASCII. */
function zeroBits(text) {
  const size = Math.ceil((text.length + 9) / 64) * 64
  const bytes = new Uint8Array(size)
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at)
  bytes[text.length] = 128
  const view = new DataView(bytes.buffer)
  view.setUint32(size - 4, text.length * 8)
  state.set(beginning)
  for (let from = 0; from < size; from += 64) block(view, from)
  let bits = 0
  for (const word of state) {
    bits += Math.clz32(word)
    if (word !== 0) break
  }
  return bits
}

onmessage = ({ data: { challenge, bits } }) => {
  let n = 0
  while (zeroBits(`${challenge}.${n.toString(36)}`) < bits) n++
  postMessage(n.toString(36))
}
