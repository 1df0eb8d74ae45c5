import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { chromium, type Browser, type Page } from 'playwright-core'
import { startPlatform, type Platform } from './platform.ts'

const executablePath = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => existsSync(path))
const required = process.env['SPATE_REQUIRE_SERVICES'] === '1'
const skip = executablePath || required ? false : 'chromium is not installed (npm run services)'
/** Folder for pictures of the pages; none are taken where it is not set. */
const pictures = process.env['PICTURES_FOLDER']

let platform: Platform
let browser: Browser

before(async () => {
  if (skip) return
  assert.ok(executablePath, 'SPATE_REQUIRE_SERVICES=1, but chromium is not installed')
  platform = await startPlatform({ env: { SPATE_DEMO_SALE: 'false' } })
  const args = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-sync']
  browser = await chromium.launch({ executablePath, args })
})
after(async () => {
  await browser?.close()
  assert.equal((await platform?.stop()) ?? 0, 0)
})

async function admin(method: string, path: string, body: unknown): Promise<void> {
  const response = await fetch(`${platform.urls['seckill']}${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${platform.adminToken}`,
    },
    body: JSON.stringify(body),
  })
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.text()}`)
}

/** `count` people who come before anybody with a browser does. */
async function crowd(productId: string, count: number): Promise<void> {
  for (let n = 0; n < count; n++)
    await admin('POST', `/seckill/queue/${productId}`, { userId: `${productId}-other-${n}` })
}

async function picture(page: Page, name: string): Promise<void> {
  if (pictures === undefined) return
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 900 })
    await page.screenshot({ path: `${pictures}/${name}-${width}.png` })
  }
}

async function visit(script: boolean): Promise<Page> {
  const context = await browser.newContext({ javaScriptEnabled: script })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  return page
}

/** Loads `url` until `selector` is on it: on a busy machine the shop shows a page without the sale's part. */
async function open(page: Page, url: string, selector: string): Promise<void> {
  await page.goto(url)
  if ((await page.locator(selector).count()) === 0) await open(page, url, selector)
}

const card = (status: string): string => `article[data-status=${status}]`
const soon = (ms: number): string => new Date(Date.now() + ms).toISOString()

test(
  'with a script: a proof of work, a place, the line as it moves by events, a ticket, an order',
  { skip },
  async () => {
    const productId = 'tea-01'
    const terms = { productId, stock: 50, queue: true, admitPerSecond: 2 }
    await admin('POST', '/seckill/campaigns', { ...terms, proofBits: 0, startsAt: soon(3_600_000) })
    await crowd(productId, 5)
    const page = await visit(true)
    await open(page, `${platform.urls['edge']}/en/sale/${productId}`, 'a[href$="/wait"]')
    await picture(page, 'sale')
    await page.click('a[href$="/wait"]')
    await page.waitForSelector(card('not_joined'))
    await picture(page, 'join')
    await page.click('form.join button')
    await page.waitForSelector(card('before_start'))
    await picture(page, 'before')
    await crowd(productId, 12)
    await admin('PATCH', `/seckill/campaigns/${productId}`, { startsAt: null })
    // No reload is asked for here: the event brings the next page.
    const seen = await page.waitForSelector(`${card('waiting')}, ${card('admitted')}`)
    if ((await seen.getAttribute('data-status')) === 'waiting') await picture(page, 'waiting')
    await page.waitForSelector(card('admitted'), { timeout: 20_000 })
    await picture(page, 'admitted')
    await page.click('form.buy button')
    await page.waitForSelector('article[data-order]')
    assert.equal(await page.getAttribute('article[data-order]', 'data-status'), 'reserved')
  },
)

test('with a script: the browser finds the proof in its worker', { skip }, async () => {
  const productId = 'tea-02'
  await admin('POST', '/seckill/campaigns', {
    productId,
    stock: 5,
    queue: true,
    proofBits: 12,
    startsAt: soon(3_600_000),
  })
  const page = await visit(true)
  await page.goto(`${platform.urls['edge']}/zh/sale/${productId}/wait`)
  await page.click('form.join button')
  await page.waitForSelector(card('before_start'))
  await picture(page, 'before-zh')
})

test('without a script: join, refresh, buy', { skip }, async () => {
  const productId = 'tea-03'
  await admin('POST', '/seckill/campaigns', {
    productId,
    stock: 5,
    queue: true,
    proofBits: 0,
    admitPerSecond: 50,
    startsAt: soon(3_600_000),
  })
  const page = await visit(false)
  await page.goto(`${platform.urls['edge']}/en/sale/${productId}/wait`)
  await page.click('form.join button')
  await page.waitForSelector(card('before_start'))
  assert.equal(await page.getAttribute('noscript meta[http-equiv=refresh]', 'content'), '5')
  await admin('PATCH', `/seckill/campaigns/${productId}`, { startsAt: null })
  await page.waitForSelector(card('admitted'), { timeout: 12_000 })
  await page.click('form.buy button')
  await page.waitForSelector('article[data-order]')
})
