import { createGrpcServer, type GrpcServer } from '@spate/http/grpc'
import type { Clock, Timer } from '@spate/runtime/clock'
import type { Lifecycle } from '@spate/runtime/lifecycle'
import type { Log } from '@spate/runtime/log'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { RecommendSettings } from '../settings.ts'
import { grpcService, type GrpcParts } from './grpc-service.ts'

/** What the gRPC listener stands on. */
export interface GrpcDoorOptions extends Omit<GrpcParts, 'proxies' | 'elapsed'> {
  readonly settings: RecommendSettings
  readonly clock: Clock
  readonly log: Log
  readonly telemetry: Telemetry
  /** False while the event log is still being read. */
  readonly ready: () => boolean
}

/** Largest message: a list of events may be as large as by HTTP. */
const requestBytesMax = 8 * 1024 * 1024
/** How often health looks whether the engine is ready, ms. */
const healthEveryMs = 500

/** Adds the gRPC listener to `lifecycle`. `url` is empty until it listens. */
export function addGrpc(lifecycle: Lifecycle, options: GrpcDoorOptions): { url(): string } {
  const { settings, clock, log, telemetry, ready } = options
  let server: GrpcServer | undefined
  let pulse: Timer | undefined
  lifecycle.add({
    name: 'grpc',
    start: async () => {
      const elapsed = (): number => clock.elapsed()
      const services = [await grpcService({ ...options, proxies: settings, elapsed })]
      const door = { host: settings.host, port: settings.grpcPort, limits: { requestBytesMax } }
      server = await createGrpcServer({ ...door, services, clock, log, telemetry })
      server.setServing(ready())
      pulse = clock.every(healthEveryMs, () => server?.setServing(ready()))
      log.info('listening', { grpc: server.address })
    },
    stop: async (signal) => {
      pulse?.cancel()
      await server?.close(signal)
    },
  })
  return { url: () => (server ? `http://${server.address}` : '') }
}
