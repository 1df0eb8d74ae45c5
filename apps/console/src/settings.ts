import { listenSettings, type ListenSettings } from '@spate/http/settings'
import { duration, integer, list, url, type TableOf } from '@spate/runtime/settings'

/** Settings of the console. */
export interface ConsoleSettings extends ListenSettings {
  readonly consoleHosts: readonly string[]
  readonly otlpGrpcPort: number
  readonly otlpHttpPort: number
  readonly edgeUrl: string
  readonly edgeAdminUrl: string
  readonly seckillUrl: string
  readonly recommendUrl: string
  readonly shopUrl: string
  readonly readEveryMs: number
  readonly historyPoints: number
  readonly askTimeoutMs: number
}

/** The console's table of settings. */
export const consoleSettings: TableOf<ConsoleSettings> = {
  ...listenSettings(8090),
  consoleHosts: list(
    [],
    'Host names the console is reached by; localhost and addresses always are, others are refused',
  ),
  otlpGrpcPort: integer(4317, 0, 65_535, 'Port for OTLP over gRPC; 0 takes any free one'),
  otlpHttpPort: integer(4318, 0, 65_535, 'Port for OTLP over HTTP; 0 takes any free one'),
  edgeUrl: url('http://127.0.0.1:8080', 'Where the edge takes traffic'),
  edgeAdminUrl: url(
    'http://127.0.0.1:8070',
    'Where the edge takes admin calls and shows its metrics',
  ),
  seckillUrl: url('http://127.0.0.1:8081', 'Where the flash sale answers'),
  recommendUrl: url('http://127.0.0.1:8082', 'Where recommendations come from'),
  shopUrl: url('http://127.0.0.1:8083', 'Where the demo shop answers'),
  readEveryMs: duration(2000, 250, 60_000, 'How often metrics are read: the step of all charts'),
  historyPoints: integer(300, 10, 10_000, 'Steps the charts remember'),
  askTimeoutMs: duration(1500, 50, 30_000, 'Deadline of a question to a program'),
}
