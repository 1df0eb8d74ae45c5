import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startPlatform, temporaryFolder } from './platform.ts'

/** Where a purchase goes, and what each step hangs from. */
const steps: readonly (readonly [name: string, parent: string])[] = [
  ['seckill.purchase', 'POST /seckill/purchase'],
  ['journal.append', 'seckill.purchase'],
  ['seckill.create_order_async', 'seckill.purchase'],
  ['send orders', 'seckill.purchase'],
  ['feature_cache.update', 'send orders'],
]

test('one trace follows a purchase through seckill, journal, order store, event log and recommend', async () => {
  const folder = temporaryFolder('trace')
  const platform = await startPlatform({
    dataDir: folder.path,
    // Their visits would use up the first second of the span budget.
    env: { SPATE_DEMO_SHOPPERS: '0' },
  })
  try {
    const seckill = platform.urls['seckill'] as string
    const json = { 'content-type': 'application/json' }
    const item = await fetch(`${platform.urls['recommend']}/recommend/items/traced`, {
      method: 'PUT',
      headers: json,
      body: JSON.stringify({ title: 'A thing', categories: ['things'], price: 1 }),
    })
    assert.ok(item.ok, await item.text())
    const created = await fetch(`${seckill}/seckill/campaigns`, {
      method: 'POST',
      headers: { ...json, authorization: `Bearer ${platform.adminToken}` },
      body: JSON.stringify({ productId: 'traced', stock: 5 }),
    })
    assert.equal(created.status, 201)
    const traceId = '5b8aa5a2d2c872e8321cf37308d69df2'
    const bought = await fetch(`${seckill}/seckill/purchase`, {
      method: 'POST',
      headers: { ...json, traceparent: `00-${traceId}-051581bf3cb55c13-01` },
      body: JSON.stringify({ userId: 'u-1', productId: 'traced', quantity: 1 }),
    })
    assert.equal(bought.status, 200)
    let text = ''
    for (let turn = 0; turn < 100 && !text.includes('feature_cache.update'); turn++) {
      await pause(50)
      text = await (await fetch(`${platform.urls['console']}/traces/${traceId}.txt`)).text()
    }
    const lines = text.split('\n')
    const depth = (line: string): number => line.search(/[a-zA-Z]/)
    for (const [name, parent] of steps) {
      const at = lines.findIndex((line) => line.includes(`─ ${name} `))
      assert.ok(at >= 0, `${name} is missing in\n${text}`)
      const above = lines.slice(0, at).findLast((line) => depth(line) < depth(lines[at] as string))
      assert.ok(above?.includes(`─ ${parent} `), `${name} hangs from ${above} in\n${text}`)
    }
  } finally {
    await platform.stop()
    folder.remove()
  }
})
