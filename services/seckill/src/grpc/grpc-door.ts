import { createGrpcServer, type GrpcServer } from '@spate/http/grpc'
import type { Timer } from '@spate/runtime/clock'
import type { Lifecycle } from '@spate/runtime/lifecycle'
import type { SeckillOptions } from '../options.ts'
import { grpcService, type GrpcParts } from './grpc-service.ts'

/** How often health looks at the ledger, ms. */
const healthEveryMs = 1000

/**
 * Adds the gRPC listener to `lifecycle`: health says NOT_SERVING while the ledger takes nothing.
 * `url` is empty until it listens.
 */
export function addGrpc(
  lifecycle: Lifecycle,
  options: Pick<SeckillOptions, 'settings' | 'clock' | 'log' | 'telemetry'>,
  parts: GrpcParts,
): { url(): string } {
  const { settings, clock, log, telemetry } = options
  let server: GrpcServer | undefined
  let pulse: Timer | undefined
  lifecycle.add({
    name: 'grpc',
    start: async () => {
      const door = { host: settings.host, port: settings.grpcPort }
      const services = [await grpcService(parts)]
      server = await createGrpcServer({ ...door, services, clock, log, telemetry })
      pulse = clock.every(healthEveryMs, () =>
        server?.setServing(parts.ledger.failure === undefined),
      )
      log.info('listening', { grpc: server.address })
    },
    stop: async (signal) => {
      pulse?.cancel()
      parts.watch.close()
      await server?.close(signal)
    },
  })
  return { url: () => (server ? `http://${server.address}` : '') }
}
