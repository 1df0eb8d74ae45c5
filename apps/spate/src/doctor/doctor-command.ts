import { resolve } from 'node:path'
import { command, type Command, type CommandContext } from '@spate/runtime/command'
import { Fault } from '@spate/runtime/fault'
import { text, type SettingsTable, type TableOf } from '@spate/runtime/settings'
import { sections, sectionSettings } from '../settings-commands.ts'
import { upSettings } from '../up.ts'
import { dataFindings, tokenFinding } from './data-checks.ts'
import { poor, well, type Finding } from './finding.ts'
import { clockFinding, filesFinding, memoryFinding, nodeFinding } from './machine-checks.ts'
import { portFinding, serviceFinding, serviceOf, type NamedService } from './network-checks.ts'

interface DoctorSettings {
  readonly dataDir: string | undefined
}

const settings: TableOf<DoctorSettings> = {
  dataDir: text(undefined, 'Data folder to look at, in place of the one in the settings.'),
}

/** `spate doctor`: whether `spate up` would run well here, and what to do where it would not. */
export const doctorCommand: Command = command({
  name: 'doctor',
  summary: 'Look whether this machine and these settings are fit to run Spate, and say what to do.',
  usage: '',
  examples: [
    ['spate doctor', 'before the first start, or when something is odd'],
    ['spate doctor --config spate.yaml --json', 'exit code 1 where a check fails'],
  ],
  settings,
  run: (context) => doctor(context),
})

async function doctor(context: CommandContext): Promise<number> {
  const findings = await examined(context)
  const count = (verdict: string): number =>
    findings.filter((finding) => finding.verdict === verdict).length
  const fit = count('fail') === 0
  const { host, json } = context
  if (json) {
    host.write(`${JSON.stringify({ fit, findings })}\n`)
  } else {
    for (const finding of findings) host.write(`${line(finding, host.colours)}\n`)
    const summary = fit ? 'spate can run here' : 'spate cannot run here as it is'
    host.write(
      `\n${summary}: ${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed\n`,
    )
  }
  return fit ? 0 : 1
}

const colourOf = { ok: 32, warn: 33, fail: 31 } as const

function line({ check, verdict, detail, next }: Finding, colours: boolean): string {
  const word = verdict.padEnd(4)
  const mark = colours ? `\u001b[${colourOf[verdict]}m${word}\u001b[0m` : word
  const then = next === undefined ? '' : `\n      -> ${next}`
  return `${mark}  ${check.padEnd(16)}  ${detail}${then}`
}

async function examined(context: CommandContext): Promise<readonly Finding[]> {
  const { host, clock } = context
  const { up, services, problems } = settingsOf(context)
  const given = context.settings as unknown as DoctorSettings
  const folder = resolve(host.cwd, given.dataDir ?? String(up['dataDir']))
  const ports = Object.entries(up).filter(
    (entry): entry is [string, number] => /port$/i.test(entry[0]) && typeof entry[1] === 'number',
  )
  const address = String(up['host'])
  const token = up['adminToken'] as string | undefined
  return [
    nodeFinding(process.versions.node),
    await memoryFinding(),
    await filesFinding(),
    await clockFinding(clock),
    ...problems,
    ...(await dataFindings(folder, clock)),
    await tokenFinding(folder, token),
    ...(await Promise.all(ports.map(([name, port]) => portFinding(name, address, port)))),
    ...(await Promise.all(services.map(serviceFinding))),
  ]
}

/** What `up` would run with, and every service that somebody named; defaults where it is refused. */
function settingsOf(context: CommandContext): {
  readonly up: Readonly<Record<string, unknown>>
  readonly services: readonly NamedService[]
  readonly problems: readonly Finding[]
} {
  const refusals = new Map<string, string[]>()
  const services = new Map<string, NamedService>()
  let up: Readonly<Record<string, unknown>> = Object.fromEntries(
    Object.entries(upSettings).map(([name, row]) => [name, row.default]),
  )
  for (const [section, table] of sections()) {
    try {
      const { values, origins } = sectionSettings(section, context)
      if (section === 'up') up = values
      for (const service of servicesOf(table, values, origins))
        services.set(`${service.host}:${service.port}`, service)
    } catch (caught) {
      const { message } = Fault.from(caught)
      refusals.set(message, [...(refusals.get(message) ?? []), section])
    }
  }
  const problems = [...refusals].map(([message, by]) =>
    poor(
      'settings',
      'fail',
      `${by.join(', ')}: ${message}`,
      'correct them; see spate config check',
    ),
  )
  if (problems.length === 0) problems.push(well('settings', 'every program would take them'))
  return { up, services: [...services.values()], problems }
}

/** Services named in `values`; those of a default are the platform's own. */
function servicesOf(
  table: SettingsTable,
  values: Readonly<Record<string, unknown>>,
  origins: Readonly<Record<string, string>>,
): readonly NamedService[] {
  return Object.entries(table).flatMap(([name, { kind }]) => {
    const value = values[name]
    if (origins[name] === 'default' || (kind !== 'url' && !stores.has(name))) return []
    const places: readonly unknown[] = Array.isArray(value) ? value : [value]
    return places.flatMap((place) =>
      typeof place !== 'string'
        ? []
        : place.split(',').flatMap((each) => serviceOf(name, each.trim()) ?? []),
    )
  })
}

/** Settings of stores that are not written as one URL. */
const stores: ReadonlySet<string> = new Set(['kafka', 'redis', 'sql'])
