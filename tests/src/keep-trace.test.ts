import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { createServer } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { temporaryFolder } from './platform.ts'

const root = normalize(join(import.meta.dirname, '..', '..'))
const bin = join(root, 'apps/spate/bin/spate.mjs')

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

interface OtlpSpans {
  readonly resourceSpans?: readonly {
    readonly resource: {
      readonly attributes: readonly { key: string; value: { stringValue?: string } }[]
    }
    readonly scopeSpans: readonly {
      readonly spans: readonly { traceId: string; name: string; traceState?: string }[]
    }[]
  }[]
}

/** Takes OTLP/JSON; gives each span with the name of its program. */
async function receiver(t: TestContext) {
  const spans: { program: string; traceId: string; name: string; traceState: string }[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      response.setHeader('content-type', 'application/json').end('{}')
      const sent = JSON.parse(gunzipSync(Buffer.concat(parts)).toString()) as OtlpSpans
      for (const { resource, scopeSpans } of sent.resourceSpans ?? []) {
        const service = resource.attributes.find(({ key }) => key === 'service.name')
        const program = service?.value.stringValue ?? ''
        for (const each of scopeSpans.flatMap((scope) => scope.spans))
          spans.push({
            program,
            traceId: each.traceId,
            name: each.name,
            traceState: each.traceState ?? '',
          })
      }
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans }
}

function start(t: TestContext, flags: readonly string[], more: readonly string[]): ChildProcess {
  const folder = temporaryFolder('keep')
  const all = [...flags, ...more, '--data-dir', folder.path]
  const child = spawn(process.execPath, [bin, ...all], {
    cwd: folder.path,
    env: { ...process.env, SPATE_ADMIN_TOKEN: 'one-token-for-all-three' },
    stdio: 'ignore',
  })
  t.after(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
    folder.remove()
  })
  return child
}

async function ready(url: string): Promise<void> {
  for (let turn = 0; turn < 300; turn++) {
    try {
      if ((await fetch(`${url}/health/live`)).ok) return
    } catch {
      // Not up yet.
    }
    await pause(100)
  }
  assert.fail(`${url} did not come up`)
}

test('a failure that only the last of three processes noticed leaves the whole trace of all three', async (t) => {
  const { url: otlp, spans } = await receiver(t)
  const local = (port: number): string => `http://127.0.0.1:${port}`
  const nowhere = local(await freePort())
  const [front, frontAdmin, middle, middleAdmin, shop] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const telemetry = [
    ...'--sampling tail --sample-rate 0.0001 --telemetry-spans-per-second 0'.split(' '),
    ...`--otlp ${otlp} --otlp-protocol http/json --otlp-delay 200ms`.split(' '),
    `--telemetry-peers=${[frontAdmin, middleAdmin, shop].map(local).join(',')}`,
  ]
  const edge = (name: string, port: number, admin: number, origin: number): void => {
    const own = ['--port', String(port), '--admin-port', String(admin), '--origin', local(origin)]
    start(t, ['edge', ...own, '--service-name', name], telemetry)
  }
  start(
    t,
    `shop --port ${shop} --no-demo-sale --demo-shoppers 0 --seckill-url ${nowhere} --recommend-url ${nowhere}`.split(
      ' ',
    ),
    telemetry,
  )
  edge('middle', middle, middleAdmin, shop)
  edge('front', front, frontAdmin, middle)
  await Promise.all([frontAdmin, middleAdmin, shop].map((port) => ready(local(port))))
  const traceId = (at: number): string => `5b8aa5a2d2c872e8${at.toString(16).padStart(16, '0')}`
  const visits = 40
  for (let at = 1; at <= visits; at++) {
    // The page of a shop that cannot ask for recommendations is a page all the same.
    const answer = await fetch(`${local(front)}/en/for-you`, {
      headers: { traceparent: `00-${traceId(at)}-051581bf3cb55c13-00` },
    })
    await answer.arrayBuffer()
    assert.equal(answer.status, 200)
  }
  const programs = ['front', 'middle', 'spate-shop']
  const servers = (at: number): readonly string[] =>
    spans
      .filter((each) => each.traceId === traceId(at) && each.name.startsWith('GET '))
      .map(({ program }) => program)
  const whole = (): number => {
    let count = 0
    for (let at = 1; at <= visits; at++)
      if (programs.every((program) => servers(at).includes(program))) count++
    return count
  }
  for (let turn = 0; turn < 100 && whole() < visits; turn++) await pause(100)
  t.diagnostic(`${whole()} of ${visits} traces are whole`)
  assert.ok(whole() >= 0.99 * visits, `only ${whole()} of ${visits} traces are whole`)
  for (const { traceId: id, traceState, program } of spans)
    if (id.startsWith('5b8aa5a2d2c872e8')) assert.match(traceState, /ot=th:0\b/, program)
})
