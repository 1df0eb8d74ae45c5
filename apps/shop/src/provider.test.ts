import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import {
  PaymentSeal,
  SimulatedProvider,
  callAgeMsMax,
  chargesMax,
  paymentsMax,
  slowBankMs,
  type SignedCall,
} from './provider.ts'

interface Told {
  readonly type: string
  readonly data: { readonly orderId: string; readonly paymentId: string }
}

const named = (call: SignedCall): { get(name: string): string | undefined } => ({
  get: (name) => call.headers[name],
})

const stage = (): {
  clock: VirtualClock
  seal: PaymentSeal
  calls: Told[]
  provider: SimulatedProvider
} => {
  const clock = new VirtualClock()
  const seal = new PaymentSeal('secret')
  const calls: Told[] = []
  const deliver = async (signed: SignedCall): Promise<void> => {
    seal.check(named(signed), signed.body, clock.now())
    calls.push(JSON.parse(signed.body) as Told)
  }
  return { clock, seal, calls, provider: new SimulatedProvider({ clock, seal, deliver }) }
}

test('the provider tells at once, late, twice or a no, always with the same payment id', async () => {
  const { clock, calls, provider } = stage()
  await provider.charge('a', 'now', ROOT_CONTEXT)
  await provider.charge('b', 'twice', ROOT_CONTEXT)
  await provider.charge('c', 'declined', ROOT_CONTEXT)
  await provider.charge('d', 'slow', ROOT_CONTEXT)
  assert.deepEqual(
    calls.map(({ type, data }) => `${data.orderId} ${type}`),
    [
      'a payment.succeeded',
      'b payment.succeeded',
      'b payment.succeeded',
      'c payment.failed',
      'd payment.pending',
    ],
  )
  assert.equal(provider.state('sim-d'), 'pending')
  await clock.advanceAsync(slowBankMs - 1)
  assert.equal(provider.pending, 1)
  await clock.advanceAsync(1)
  assert.deepEqual(
    [calls.at(-1)?.type, provider.state('sim-d')],
    ['payment.succeeded', 'succeeded'],
  )
  assert.deepEqual([provider.pending, provider.state('sim-x')], [0, undefined])
  for (const { data } of calls) assert.equal(data.paymentId, `sim-${data.orderId}`)
})

test('as many payments are remembered as the limit says, and a refund twice is once', async () => {
  const { provider } = stage()
  for (let at = 0; at <= paymentsMax; at++) await provider.charge(`o${at}`, 'now', ROOT_CONTEXT)
  assert.deepEqual([provider.state('sim-o0'), provider.state('sim-o1')], [undefined, 'succeeded'])
  for (let time = 0; time < 2; time++) provider.refund('sim-o1')
  assert.deepEqual([provider.refunded('sim-o1'), provider.refunded('sim-o2')], [true, false])
})

test('a call is believed only with its signature and while it is young', () => {
  const { seal, clock } = stage()
  const nowMs = Math.floor(clock.now() / 1000) * 1000
  const signed = seal.sign('id', '{"a":1}', nowMs)
  const refused = { code: 'unauthorized' }
  seal.check(named(signed), signed.body, nowMs + callAgeMsMax)
  assert.throws(() => seal.check(named(signed), signed.body, nowMs + callAgeMsMax + 1), refused)
  assert.throws(() => seal.check(named(signed), '{"a":2}', nowMs), refused)
  assert.throws(() => seal.check({ get: () => undefined }, signed.body, nowMs), refused)
  assert.throws(() => new PaymentSeal('other').check(named(signed), signed.body, nowMs), refused)
})

test('slow charges are held up to a limit, and none is left when the provider closes', async () => {
  const { clock, calls, provider } = stage()
  for (let at = 0; at < chargesMax; at++) {
    if (at === chargesMax - 1) assert.equal(provider.pending, chargesMax - 1)
    await provider.charge(`o${at}`, 'slow', ROOT_CONTEXT)
  }
  await assert.rejects(provider.charge('more', 'slow', ROOT_CONTEXT), { code: 'overloaded' })
  await provider.close()
  await clock.advanceAsync(slowBankMs * 2)
  assert.deepEqual([...new Set(calls.map(({ type }) => type))], ['payment.pending'])
})
