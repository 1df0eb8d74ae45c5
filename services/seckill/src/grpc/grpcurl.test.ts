import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { processHost } from '@spate/runtime/host'
import { openRoom, roomToken } from '../seckill-room.ts'

const cache = processHost.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
const grpcurl = join(cache, 'spate', 'grpcurl')
const required = processHost.env['SPATE_REQUIRE_SERVICES'] === '1'
const skip =
  existsSync(grpcurl) || required ? false : 'grpcurl is not installed (npm run services grpcurl)'

interface Said {
  readonly code: number
  readonly out: string
}

function run(...words: string[]): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(grpcurl, ['-plaintext', '-max-time', '10', ...words], { timeout: 15_000 })
    let out = ''
    child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => (out += bytes.toString()))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? -1, out }))
  })
}

const service = 'spate.seckill.v1.Seckill'

test('grpcurl lists, describes and calls every method by reflection alone', { skip }, async (t) => {
  const room = await openRoom()
  t.after(() => room.close())
  const listed = await run(room.grpc, 'list')
  assert.equal(listed.out, `${service}\n`)
  const described = await run(room.grpc, 'describe', service)
  const methods = [...described.out.matchAll(/rpc (\w+) /g)].map(([, name = '']) => name)
  const called = new Set<string>()
  const call = async (method: string, message: object, admin = false): Promise<Said> => {
    called.add(method)
    const headers = admin ? ['-H', `authorization: Bearer ${roomToken}`] : []
    const sent = JSON.stringify(message)
    return await run(...headers, '-d', sent, room.grpc, `${service}/${method}`)
  }
  const good = async (method: string, message: object, admin = false): Promise<object> => {
    const { code, out } = await call(method, message, admin)
    assert.equal(code, 0, `${method}: ${out}`)
    return JSON.parse(out) as object
  }
  await good('CreateCampaign', { productId: 'p', stock: 2, perUserLimit: 2 }, true)
  const bought = await good('Purchase', { userId: 'a', productId: 'p' })
  const { orderId } = bought as { orderId: string }
  await good('PurchaseCart', { userId: 'b', items: [{ productId: 'p' }] })
  const refused = await call('Purchase', { userId: 'c', productId: 'p' })
  assert.equal(refused.code, 64 + 9, refused.out)
  // The bytes of google.rpc.ErrorInfo { reason: "sold_out", domain: "spate" }.
  const reason = Buffer.from('\n\u0008sold_out\u0012\u0005spate').toString('base64')
  assert.match(refused.out, /Code: FailedPrecondition[^]*google\.rpc\.ErrorInfo/)
  assert.ok(refused.out.includes(`"@value": "${reason}"`), refused.out)
  for (const method of ['PauseCampaign', 'ResumeCampaign'])
    await good(method, { productId: 'p' }, true)
  await good('ChangeCampaign', { productId: 'p', stockDelta: 1 }, true)
  await good('PayOrder', { orderId, paymentId: 'm' })
  await good('GetOrder', { orderId })
  await good('CancelOrder', { orderId })
  assert.match((await call('WatchOrder', { orderId })).out, /"status": "refunded"/)
  for (const method of ['GetCampaign', 'GetStock']) await good(method, { productId: 'p' })
  for (const method of ['ListCampaigns', 'ListStock']) await good(method, {})
  await good('ListOrders', { userId: 'a' })
  await good('CreateCampaign', { productId: 'w', stock: 2, queue: true, proofBits: 0 }, true)
  await good('JoinQueue', { productId: 'w', userId: 'a' })
  for (const method of ['GetQueue', 'WatchQueue'])
    await good(method, { productId: 'w', userId: method === 'GetQueue' ? 'a' : 'nobody' })
  await good('GetDraw', { productId: 'w' })
  await good('Challenge', { productId: 'p', userId: 'd' })
  assert.match((await call('Ticket', { productId: 'p', userId: 'd' })).out, /InvalidArgument/)
  await good('RotateTicketKey', {}, true)
  await good('ListRiskReviews', {}, true)
  assert.match((await call('DecideRiskReview', { userId: 'a', verdict: 'hold' }, true)).out, /risk/)
  await good('ListDeadLetters', {}, true)
  for (const method of ['RetryDeadLetter', 'ResolveDeadLetter'])
    assert.match(
      (
        await call(
          method,
          { id: '1', action: method === 'RetryDeadLetter' ? undefined : 'discard' },
          true,
        )
      ).out,
      /NotFound/,
    )
  const audit = (await good('Audit', { productId: 'p' }, true)) as { consistent: boolean }
  assert.equal(audit.consistent, true)
  await good('CloseCampaign', { productId: 'p' }, true)
  assert.deepEqual([...called].sort(), methods.sort(), 'every method is called')
})
