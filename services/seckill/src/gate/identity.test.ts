import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { openRoom, type Reply, type SeckillRoom } from '../seckill-room.ts'

const secret = 's'.repeat(32)

const buy = (sale: SeckillRoom, headers: Record<string, string>, userId?: string): Promise<Reply> =>
  sale.call('POST', '/seckill/purchase', { productId: 'p', ...(userId ? { userId } : {}) }, headers)

async function onSale(settings: Parameters<typeof openRoom>[0]): Promise<SeckillRoom> {
  const sale = await openRoom(settings)
  await sale.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 100 })
  return sale
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000)

function token(claims: Record<string, unknown>, key: string = secret): Promise<string> {
  return new SignJWT({ exp: nowSeconds() + 60, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(Buffer.from(key))
}

test('a header names the user where a trusted proxy sent it, once', async (t) => {
  const sale = await onSale({ identity: 'header', identityHeader: 'X-User-Id' })
  t.after(() => sale.close())
  assert.equal((await buy(sale, { 'x-user-id': 'ann' })).status, 200)
  assert.equal((await buy(sale, { 'x-user-id': 'ann' })).body['code'], 'limit_reached')
  assert.equal((await buy(sale, { 'x-user-id': 'ann' }, 'bob')).status, 403, 'named somebody else')
  assert.equal((await buy(sale, {}, 'bob')).status, 401)
  assert.equal((await buy(sale, { 'x-user-id': 'a'.repeat(129) })).status, 401)
  const untrusting = await onSale({ identity: 'header', trustedProxies: ['10.0.0.0/8'] })
  t.after(() => untrusting.close())
  assert.equal((await buy(untrusting, { 'x-user-id': 'ann' })).status, 401)
})

const bearerOf = (made: string): Record<string, string> => ({ authorization: `Bearer ${made}` })

test('a token names the user: signature, time, issuer and audience are checked', async (t) => {
  const sale = await onSale({
    identity: 'jwt',
    jwtSecret: secret,
    jwtIssuer: 'shop',
    jwtAudience: 'sale',
    jwtCacheMax: 2,
  })
  t.after(() => sale.close())
  const claims = { sub: 'ann', iss: 'shop', aud: 'sale' }
  const by = async (made: Promise<string> | string): Promise<Reply> =>
    buy(sale, { authorization: `Bearer ${await made}` })
  const good = await token(claims)
  assert.equal((await by(good)).status, 200)
  assert.equal((await by(good)).body['code'], 'limit_reached', 'known tokens are as good')
  assert.equal((await buy(sale, { authorization: `Bearer ${good}` }, 'bob')).status, 403)
  const mine = (await sale.call('GET', '/seckill/orders', undefined, bearerOf(good))).body['orders']
  const [order] = mine as { orderId: string }[]
  const path = `/seckill/orders/${order?.orderId}`
  const other = bearerOf(await token({ ...claims, sub: 'bob' }))
  for (const [method, call] of [
    ['GET', path],
    ['GET', `${path}/events`],
    ['POST', `${path}/cancel`],
  ] as const) {
    assert.equal((await sale.call(method, call, undefined, other)).status, 404, call)
    assert.equal((await sale.call(method, call)).status, 401, call)
  }
  assert.equal((await sale.call('GET', '/seckill/orders?userId=ann', undefined, other)).status, 403)
  assert.equal((await sale.call('GET', path, undefined, bearerOf(good))).status, 200)
  assert.equal((await sale.admin('GET', path)).status, 200, 'administrators see every order')
  const [head = '', body = ''] = good.split('.')
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  const bad: (Promise<string> | string)[] = [
    token(claims, 'x'.repeat(32)),
    token({ ...claims, exp: nowSeconds() - 1 }),
    token({ ...claims, nbf: nowSeconds() + 3600 }),
    token({ ...claims, iss: 'elsewhere' }),
    token({ ...claims, aud: 'else' }),
    token({ iss: 'shop', aud: 'sale' }),
    token({ ...claims, sub: 'a'.repeat(129) }),
    `${head}.${body}.${'A'.repeat(43)}`,
    `${none}.${body}.`,
    `${none}.${body}.AAAA`,
    'nonsense',
  ]
  for (const one of bad) assert.equal((await by(one)).status, 401, JSON.stringify(await one))
  for (let n = 0; n < 5; n++)
    assert.equal((await by(token({ ...claims, sub: `u${n}` }))).status, 200)
  assert.equal((await by(good)).body['code'], 'limit_reached', 'forgotten, and verified again')
})

test('keys come from a file or a URL; a set that cannot be had is our trouble, not the token’s', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'keys-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const set = JSON.stringify({
    keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }],
  })
  const jwtKeys = join(folder, 'keys.json')
  await writeFile(jwtKeys, set)
  const signed = await new SignJWT({ sub: 'ann', exp: nowSeconds() + 60 })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .sign(privateKey)
  const shown = { authorization: `Bearer ${signed}` }
  const byFile = await onSale({ identity: 'jwt', jwtKeys })
  t.after(() => byFile.close())
  assert.equal((await buy(byFile, shown)).status, 200)
  // The public key used as a secret is the oldest trick there is.
  const confused = await new SignJWT({ sub: 'eve', exp: nowSeconds() + 60 })
    .setProtectedHeader({ alg: 'HS256', kid: 'k' })
    .sign(Buffer.from(set))
  assert.equal((await buy(byFile, { authorization: `Bearer ${confused}` })).status, 401)
  const server = createServer((_request, response) =>
    response.setHeader('content-type', 'application/json').end(set),
  )
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const byUrl = await onSale({ identity: 'jwt', jwtKeys: `http://127.0.0.1:${port}/keys` })
  t.after(() => byUrl.close())
  assert.equal((await buy(byUrl, shown)).status, 200)
  const nowhere = await onSale({ identity: 'jwt', jwtKeys: 'http://127.0.0.1:1/keys' })
  t.after(() => nowhere.close())
  assert.equal((await buy(nowhere, shown)).status, 503)
  await assert.rejects(openRoom({ identity: 'jwt' }), { code: 'settings_invalid' })
  await assert.rejects(openRoom({ identity: 'jwt', jwtKeys: join(folder, 'none') }), {
    code: 'settings_invalid',
  })
})
