import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { connect as connectHttp2 } from 'node:http2'
import { request as requestHttps } from 'node:https'
import { test } from 'node:test'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import { listen } from './listener.ts'

/** A key and a self-signed certificate; undefined where openssl is not installed. */
function selfSigned(): { key: string; cert: string } | undefined {
  try {
    const flags = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=a'
    const text = execFileSync(
      'openssl',
      ['req', ...flags.split(' '), '-keyout', '-', '-out', '-'],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    const at = text.indexOf('-----BEGIN CERTIFICATE')
    return { key: text.slice(0, at), cert: text.slice(at) }
  } catch {
    return undefined
  }
}

const tls = selfSigned()
const skip = tls ? false : 'openssl is not installed'

test('HTTP/2 and HTTP/1.1 over TLS reach the same handler, by ALPN', { skip }, async (context) => {
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    acceptors: 1,
    tls: tls as NonNullable<typeof tls>,
    clock: systemClock,
    log: silentLog,
    handler: async ({ method, target, host, httpVersion, secure, body }) => ({
      status: 200,
      headers: ['x-version', httpVersion, 'connection', 'x'],
      body: `${method} ${target} ${host.split(':')[0]} ${secure} ${Buffer.from(await body.bytes()).toString()}`,
    }),
  })
  context.after(() => listener.close(AbortSignal.abort()))
  assert.match(listener.url, /^https:/)

  const session = connectHttp2(listener.url, { rejectUnauthorized: false })
  const stream = session.request({ ':method': 'POST', ':path': '/two?x' })
  stream.end('hello')
  const head = new Promise<Record<string, unknown>>((resolve) => stream.once('response', resolve))
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  assert.equal((await head)['x-version'], '2')
  assert.equal(text, 'POST /two?x 127.0.0.1 true hello')
  session.close()

  const one = await new Promise<string>((resolve, reject) => {
    const options = { port: listener.port, host: '127.0.0.1', path: '/one', agent: false as const }
    requestHttps({ ...options, rejectUnauthorized: false }, (response) => {
      let body = response.headers['x-version'] as string
      response.on('data', (chunk: Buffer) => (body += ` ${chunk.toString()}`))
      response.on('end', () => resolve(body))
    })
      .on('error', reject)
      .end()
  })
  assert.equal(one, '1.1 GET /one 127.0.0.1 true ')
})
