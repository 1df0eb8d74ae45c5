import assert from 'node:assert/strict'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { systemClock } from '@spate/runtime/clock'
import { createTelemetry } from './telemetry.ts'
import { startW3cService, type W3cService } from './w3c-service.ts'

/**
 * The rules the harness of the W3C trace-context group checks (SPEC_LEVEL=2 STRICT_LEVEL=2), asked
 * of the same service over HTTP. Sections are those of W3C Trace Context Level 2.
 */

const telemetry = createTelemetry({
  serviceName: 'w3c',
  sampling: { strategy: 'fixed', rate: 1 },
})
/** What the service called last. */
let called: { traceparent: string | undefined; tracestate: string | undefined }[] = []
let service: W3cService
const target = createServer((request, response) => {
  const { traceparent, tracestate } = request.headers
  called.push({
    traceparent: traceparent?.toString(),
    tracestate: tracestate?.toString(),
  })
  request.resume().on('end', () => response.end())
})

before(async () => {
  target.listen(0, '127.0.0.1')
  await new Promise((resolve) => target.once('listening', resolve))
  service = await startW3cService(telemetry, systemClock, 0)
})
after(async () => {
  await service.close()
  target.close()
  await telemetry.shutdown()
})

interface Carried {
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
  readonly members: readonly string[]
}

type HeaderLines = readonly (readonly [name: string, value: string])[]

/** Sends `lines` to the service, which calls on `calls` times; what it carried on, call by call. */
async function carried(lines: HeaderLines, calls = 1): Promise<readonly Carried[]> {
  called = []
  const url = `http://127.0.0.1:${(target.address() as AddressInfo).port}/`
  const body = JSON.stringify(Array.from({ length: calls }, () => ({ url, arguments: [] })))
  const flat = lines.flatMap(([name, value]) => [name, value])
  await new Promise<void>((resolve, reject) => {
    const headers = ['host', 'a', 'content-length', String(body.length), ...flat]
    const call = httpRequest(service.url, { method: 'POST', headers }, (answer) =>
      answer.resume().on('end', resolve),
    )
    call.on('error', reject)
    call.end(body)
  })
  assert.equal(called.length, calls)
  return called.map(({ traceparent = '', tracestate = '' }) => {
    const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent)
    assert.ok(match, `3.2.2: a valid traceparent goes out, not "${traceparent}"`)
    const [, traceId = '', spanId = '', flags = ''] = match
    assert.doesNotMatch(traceId, /^0+$/)
    assert.doesNotMatch(spanId, /^0+$/)
    // Ours stands in front (3.3.1.4); what was received is what the rules are about.
    const members = tracestate.split(',').filter((each) => each !== '' && !each.startsWith('ot='))
    return { traceId, spanId, flags: Number.parseInt(flags, 16), members }
  })
}

const id = '12345678901234567890123456789012'
const parent = `00-${id}-1234567890123456-01`

async function one(lines: HeaderLines): Promise<Carried> {
  return (await carried(lines))[0] as Carried
}

const continues: readonly (readonly [rule: string, lines: HeaderLines])[] = [
  ['3.2: the header name is read in any case', [['TrAcEpArEnT', parent]]],
  [
    '3.2.2.1: a higher version is read by what is known',
    [['traceparent', parent.replace(/^00/, 'cc')]],
  ],
  [
    '3.2.2.1: a higher version may have more behind a dash',
    [['traceparent', `${parent.replace(/^00/, 'cc')}-what-the-future-holds`]],
  ],
  ['RFC 9110 5.5: blanks around a value are no part of it', [['traceparent', ` \t${parent}\t `]]],
]
for (const [rule, lines] of continues)
  test(`${rule}: the trace goes on`, async () => {
    const { traceId, spanId } = await one(lines)
    assert.equal(traceId, id)
    assert.notEqual(spanId, '1234567890123456', '3.2.2.4: a span id of its own')
  })

const begins: readonly (readonly [rule: string, lines: HeaderLines])[] = [
  ['3.4: no header', []],
  [
    '3.2: given twice',
    [
      ['traceparent', parent],
      ['traceparent', parent.replace('012-', '011-')],
    ],
  ],
  ['3.2: another name', [['trace-parent', parent]]],
  ['3.2.2.1: version ff', [['traceparent', parent.replace(/^00/, 'ff')]]],
  ['3.2.2.1: version of one digit', [['traceparent', parent.slice(1)]]],
  ['3.2.2.1: version of three digits', [['traceparent', `0${parent}`]]],
  ['3.2.2.1: version not hexadecimal', [['traceparent', parent.replace(/^00/, '.0')]]],
  ['3.2.2.2: version 00 with more behind it', [['traceparent', `${parent}-what`]]],
  ['3.2.2.2: version 00 with a dash behind it', [['traceparent', `${parent}-`]]],
  [
    '3.2.2.1: a higher version with no dash before more',
    [['traceparent', `${parent.replace(/^00/, 'cc')}.what`]],
  ],
  ['3.2.2.3: trace id of zeros', [['traceparent', parent.replace(id, '0'.repeat(32))]]],
  ['3.2.2.3: trace id in upper case', [['traceparent', parent.replace(id, id.replace('1', 'A'))]]],
  ['3.2.2.3: trace id too short', [['traceparent', parent.replace(id, id.slice(1))]]],
  ['3.2.2.3: trace id too long', [['traceparent', parent.replace(id, `${id}0`)]]],
  ['3.2.2.4: parent id of zeros', [['traceparent', `00-${id}-${'0'.repeat(16)}-01`]]],
  ['3.2.2.4: parent id not hexadecimal', [['traceparent', `00-${id}-123456789012345.-01`]]],
  ['3.2.2.4: parent id too long', [['traceparent', `00-${id}-12345678901234567-01`]]],
  ['3.2.2.5: flags of one digit', [['traceparent', `00-${id}-1234567890123456-1`]]],
  ['3.2.2.5: flags not hexadecimal', [['traceparent', `00-${id}-1234567890123456-.0`]]],
]
for (const [rule, lines] of begins)
  test(`${rule}: a new trace begins, with flag random, and no tracestate goes on`, async () => {
    const { traceId, flags, members } = await one([...lines, ['tracestate', 'foo=1']])
    assert.notEqual(traceId, id)
    assert.equal(flags & 2, 2, '3.2.2.5.2: ids we make are random, and say so')
    assert.deepEqual(members, [], '3.3: without a traceparent the tracestate is not used')
  })

test('3.2.2.5.2: the random flag is copied, set or not, and unknown flags are not', async () => {
  for (const [given, random] of [
    ['00', 0],
    ['01', 0],
    ['02', 2],
    ['03', 2],
    ['ff', 2],
    ['fc', 0],
  ] as const) {
    const { flags, traceId } = await one([['traceparent', parent.replace(/01$/, given)]])
    assert.equal(traceId, id)
    assert.equal(flags & 2, random, given)
    assert.equal(flags & 0xfc, 0, '3.2.2.5: other bits are zero')
  }
})

test('3.2.2.4: several calls of one request have one trace and a span each', async () => {
  const calls = await carried([['traceparent', parent]], 3)
  assert.deepEqual([...new Set(calls.map(({ traceId }) => traceId))], [id])
  assert.equal(new Set(calls.map(({ spanId }) => spanId)).size, 3)
})

const many = (count: number): string =>
  Array.from({ length: count }, (_, at) => `k${at}=v`).join(',')
const state = (...values: readonly string[]): HeaderLines => [
  ['traceparent', parent],
  ...values.map((value) => ['tracestate', value] as const),
]

const kept: readonly (readonly [
  rule: string,
  values: readonly string[],
  members: readonly string[],
])[] = [
  ['3.3.1: several lines are one list', ['foo=1', 'bar=2'], ['foo=1', 'bar=2']],
  ['3.3.1.1: blanks around members are cut', ['foo=1 \t , \t bar=2'], ['foo=1', 'bar=2']],
  ['3.3.1.1: empty members are passed over', ['foo=1,,,bar=2,', ''], ['foo=1', 'bar=2']],
  ['3.3.1.1: 31 members', [many(31)], many(31).split(',')],
  ['3.3.1.1: 32 members', [many(32)], many(32).split(',')],
  ['3.3.1.3.1: a key of 256 characters', [`${'z'.repeat(256)}=1`], [`${'z'.repeat(256)}=1`]],
  ['3.3.1.3.1: a key of all that it may hold', ['a0_-*/=1'], ['a0_-*/=1']],
  ['3.3.1.3.1: a key with a tenant', ['t-_*/0@v=1'], ['t-_*/0@v=1']],
  ['3.3.1.3.1: level 2 takes @ anywhere but first', ['a@b@c=1,foo@=1'], ['a@b@c=1', 'foo@=1']],
  ['3.3.1.3.2: a value of 256 characters', [`a=${'v'.repeat(256)}`], [`a=${'v'.repeat(256)}`]],
  [
    '3.3.1.3.2: a value of all printable characters',
    ['a=!"#$%&\'()*+-./:;<>?@[]^_`{|}~'],
    ['a=!"#$%&\'()*+-./:;<>?@[]^_`{|}~'],
  ],
  ['3.3.1.3.2: a blank within a value', ['a=b c'], ['a=b c']],
  ['3.5: a key that comes again counts the first time', ['foo=1,bar=2,foo=3'], ['foo=1', 'bar=2']],
]
for (const [rule, values, members] of kept)
  test(`${rule}: it goes on`, async () => {
    const found = await one(state(...values))
    assert.equal(found.traceId, id)
    assert.deepEqual(found.members, members)
  })

const voided: readonly (readonly [rule: string, value: string])[] = [
  ['3.3.1.1: 33 members', many(33)],
  ['3.3.1.3.1: a key of 257 characters', `${'z'.repeat(257)}=1`],
  ['3.3.1.3.1: an empty key', '=1'],
  ['3.3.1.3.1: a key in upper case', 'Foo=1'],
  ['3.3.1.3.1: a key with a dot', 'foo.bar=1'],
  ['3.3.1.3.1: a key with a blank', 'foo =1'],
  ['3.3.1.3.1: a key that begins with @', '@foo=1'],
  ['3.3.1.3.2: an empty value', 'foo='],
  ['3.3.1.3.2: an equals sign within a value', 'foo=a=b'],
  ['3.3.1.3.2: a value of 257 characters', `foo=${'v'.repeat(257)}`],
  ['3.3.1.3: a member without an equals sign', 'foo'],
]
for (const [rule, value] of voided)
  test(`${rule}: the whole tracestate is void, and the trace goes on`, async () => {
    const found = await one(state(`good=1,${value}`))
    assert.equal(found.traceId, id)
    assert.deepEqual(found.members, [])
  })

test('headers of a megabyte: the request is refused or begins anew, and the service goes on', async () => {
  const huge = 'a'.repeat(1_000_000)
  for (const name of ['traceparent', 'tracestate', 'baggage']) {
    const outcome = await one([[name, huge]]).then(
      ({ traceId, members }) => ({ traceId, members }),
      () => 'refused' as const,
    )
    if (outcome !== 'refused') assert.deepEqual(outcome.members, [])
  }
  // What a larger header limit would let through is bounded by the readers themselves.
  const exchange = telemetry.beginServer(
    {
      method: 'GET',
      path: '/',
      host: 'a',
      httpVersion: '1.1',
      secure: false,
      arrivedMs: systemClock.elapsed(),
      headers: { get: () => undefined },
    },
    parent,
    huge,
  )
  assert.equal(exchange.span.spanContext().traceId, id)
  assert.equal(exchange.span.spanContext().traceState?.get('good'), undefined)
  exchange.end(200)
  assert.equal((await one([['traceparent', parent]])).traceId, id)
})
