import { command, type Command } from '@spate/runtime/command'
import { integer } from '@spate/runtime/settings'
import { compareCommand } from './compare/compare-command.ts'
import { reportCommand } from './compare/report-command.ts'
import { createTelemetry } from './telemetry.ts'
import { startW3cService } from './w3c-service.ts'

/** `spate telemetry w3c`: the service the W3C trace-context harness calls. */
export const w3cCommand: Command = command({
  name: 'telemetry w3c',
  summary: 'Run the service side of the W3C trace-context harness.',
  usage: '[--port N]',
  examples: [
    ['spate telemetry w3c --port 5000', 'then: python test.py http://127.0.0.1:5000/test'],
  ],
  settings: {
    port: integer(5000, 0, 65_535, 'Port on 127.0.0.1; 0 takes any free one.'),
  },
  async run({ settings, json, host, clock, chance, signal }) {
    const telemetry = createTelemetry({ serviceName: 'spate-w3c', clock, chance })
    const service = await startW3cService(telemetry, clock, settings.port)
    const { url } = service
    host.write(json ? `${JSON.stringify({ url })}\n` : `listening on ${url}; Ctrl-C ends it\n`)
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await service.close()
    await telemetry.shutdown()
    return 0
  },
})

/** Every command of this room, for the command line. */
export const telemetryCommands: readonly Command[] = [compareCommand, reportCommand, w3cCommand]
