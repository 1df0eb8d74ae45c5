import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import {
  CallbackSeal,
  SimulatedProvider,
  callbackAgeMsMax,
  chargesMax,
  slowBankMs,
  type Callback,
  type SignedCallback,
} from './provider.ts'

const stage = (): {
  clock: VirtualClock
  seal: CallbackSeal
  calls: Callback[]
  provider: SimulatedProvider
} => {
  const clock = new VirtualClock()
  const seal = new CallbackSeal('secret')
  const calls: Callback[] = []
  const deliver = async (signed: SignedCallback): Promise<void> => {
    calls.push(seal.open(signed, clock.now()))
  }
  return { clock, seal, calls, provider: new SimulatedProvider({ clock, seal, deliver }) }
}

test('the provider calls back at once, late, twice or with a no, always with the same payment id', async () => {
  const { clock, calls, provider } = stage()
  await provider.charge('a', 'now', ROOT_CONTEXT)
  await provider.charge('b', 'twice', ROOT_CONTEXT)
  await provider.charge('c', 'declined', ROOT_CONTEXT)
  await provider.charge('d', 'slow', ROOT_CONTEXT)
  assert.deepEqual(
    calls.map(({ orderId, result }) => `${orderId} ${result}`),
    ['a paid', 'b paid', 'b paid', 'c declined'],
  )
  await clock.advanceAsync(slowBankMs - 1)
  assert.equal(provider.pending, 1)
  await clock.advanceAsync(1)
  assert.equal(calls.at(-1)?.orderId, 'd')
  assert.equal(provider.pending, 0)
  for (const { orderId, paymentId } of calls) assert.equal(paymentId, `sim-${orderId}`)
})

test('a callback is believed only with its signature and while it is young', () => {
  const { seal, clock } = stage()
  const signed = seal.sign({
    orderId: 'a',
    paymentId: 'sim-a',
    result: 'paid',
    sentAtMs: clock.now(),
  })
  const refused = { code: 'unauthorized' }
  assert.equal(seal.open(signed, clock.now() + callbackAgeMsMax - 1).orderId, 'a')
  assert.equal(seal.open(signed, clock.now() + callbackAgeMsMax).orderId, 'a')
  assert.throws(() => seal.open(signed, clock.now() + callbackAgeMsMax + 1), refused)
  assert.throws(
    () => seal.open({ ...signed, body: signed.body.replace('"a"', '"b"') }, clock.now()),
    refused,
  )
  assert.throws(() => seal.open({ ...signed, signature: '' }, clock.now()), refused)
  assert.throws(() => new CallbackSeal('other').open(signed, clock.now()), refused)
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
  assert.equal(calls.length, 0)
})
