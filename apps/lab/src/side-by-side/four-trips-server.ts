/**
 * The known design as a server, for benchmarks to hold ours against: node:http in front of four
 * round trips to Redis (rate limit, lock, stock, unlock), the order written by nobody. Prints its
 * port when it answers. SIGTERM ends it.
 *
 *   node apps/lab/src/side-by-side/four-trips-server.ts [no|always]
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exit, onSignals, processHost } from '@spate/runtime/host'
import { startRedis, type RedisControl } from '@spate/seckill/redis-control'

const redis = await startRedis(processHost.argv.at(-1) === 'always' ? 'always' : 'no')
if (!redis) {
  processHost.write('redis-server is not installed\n')
  exit(1)
} else serve(redis)

function serve(store: RedisControl): void {
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    request.on('end', () => void answer(store, request, response, text))
  })
  server.listen(0, '127.0.0.1', 4096, () => {
    processHost.write(`${(server.address() as AddressInfo).port}\n`)
  })
  onSignals(() => void store.close().finally(() => exit(0)))
}

async function answer(
  store: RedisControl,
  request: IncomingMessage,
  response: ServerResponse,
  text: string,
): Promise<void> {
  let [status, body] = [500, '{"success":false,"code":"internal"}']
  try {
    const asked = JSON.parse(text) as { userId: string; productId: string; stock?: number }
    if (request.url === '/stock') {
      await store.send('SET', `{${asked.productId}}:stock`, String(asked.stock))
      body = '{}'
      status = 200
    } else if (await store.purchaseByFourTrips(asked.productId, asked.userId)) {
      body = JSON.stringify({ success: true, orderId: `${asked.productId}-${asked.userId}` })
      status = 200
    } else {
      body = '{"success":false,"code":"sold_out"}'
      status = 409
    }
  } finally {
    const length = Buffer.byteLength(body)
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': length })
    response.end(body)
  }
}
