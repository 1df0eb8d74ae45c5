import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signaturesMax, WebhookKey } from './webhook-key.ts'

const ageMsMax = 300_000
const key = new WebhookKey({ secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', ageMsMax })
const body = Buffer.from('{"test": 2432232314}')
const atMs = 1_614_265_330_000
const signed = key.sign('msg_p5jXN8AQM9LWM0D4loKWxJek', body, atMs)
const refused = { code: 'unauthorized' }
const headers = (over: Record<string, string> = {}): { get(name: string): string | undefined } => ({
  get: (name) => ({ ...signed, ...over })[name],
})

test('the signature is that of the specification', () => {
  assert.equal(signed['webhook-signature'], 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
})

test('a webhook is believed only as it was signed, and while it is young', () => {
  key.check(headers(), body, atMs)
  const two = `v1,${'A'.repeat(43)}= v2,x ${signed['webhook-signature']}`
  key.check(headers({ 'webhook-signature': two }), body, atMs)
  for (const ms of [ageMsMax, -ageMsMax]) key.check(headers(), body, atMs + ms)
  for (const ms of [ageMsMax + 1, -ageMsMax - 1])
    assert.throws(() => key.check(headers(), body, atMs + ms), refused)
  const forged: Record<string, string>[] = [
    { 'webhook-id': 'other' },
    { 'webhook-id': '' },
    { 'webhook-timestamp': '1614265331' },
    { 'webhook-timestamp': '1614265330.0' },
    { 'webhook-signature': '' },
    { 'webhook-signature': 'v1,' },
    { 'webhook-signature': `v2,${signed['webhook-signature']?.slice(3)}` },
    { 'webhook-signature': `${'v1,x '.repeat(signaturesMax)}${signed['webhook-signature']}` },
  ]
  for (const over of forged) assert.throws(() => key.check(headers(over), body, atMs), refused)
  const last = `${'v1,x '.repeat(signaturesMax - 1)}${signed['webhook-signature']}`
  key.check(headers({ 'webhook-signature': last }), body, atMs)
  assert.throws(() => key.check(headers(), Buffer.from('{"test": 2432232315}'), atMs), refused)
  const other = new WebhookKey({ secret: 'another secret text', ageMsMax })
  assert.throws(() => other.check(headers(), body, atMs), refused)
})
