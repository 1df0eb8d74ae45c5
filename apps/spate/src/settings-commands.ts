import { access, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { command, type Command, type CommandContext } from '@spate/runtime/command'
import { Fault } from '@spate/runtime/fault'
import { loadSettings, type LoadedSettings } from '@spate/runtime/settings-load'
import { settingsFileSchema, type JsonSchema } from '@spate/runtime/settings-schema'
import { redacted, writeValue } from '@spate/runtime/settings-print'
import { envOf, type SettingsTable } from '@spate/runtime/settings'
import { foundationSettings } from './foundation.ts'
import { programs } from './programs.ts'
import { readSettingsFile, settingsFileName } from './settings-file.ts'
import { upSettings } from './up.ts'

/** Every table by its section of the file. */
export function sections(): ReadonlyMap<string, SettingsTable> {
  return new Map<string, SettingsTable>([
    ['up', upSettings],
    ...programs.map(
      ({ name, settings }) => [name, { ...settings, ...foundationSettings }] as const,
    ),
  ])
}

/** JSON Schema of `spate.yaml`, made from the same tables that read it. */
export function settingsSchema(): JsonSchema {
  return settingsFileSchema(sections(), {
    id: 'https://spate.example/spate.schema.json',
    title: 'Settings of Spate',
  })
}

/** `spate config schema`: for editors that check while one types. */
export const configSchemaCommand: Command = command({
  name: 'config schema',
  summary: 'Print the JSON Schema of spate.yaml.',
  usage: '',
  examples: [['spate config schema > spate.schema.json', 'for an editor to check against']],
  settings: {},
  run: ({ host }) => {
    host.write(`${JSON.stringify(settingsSchema(), undefined, 2)}\n`)
    return Promise.resolve(0)
  },
})

/** Settings of one section as its program would see them, from variables and the file. Throws `settings_invalid`. */
export function sectionSettings(
  section: string,
  context: CommandContext,
): LoadedSettings<SettingsTable> {
  const all = sections()
  const table = all.get(section)
  if (!table) {
    throw new Fault(
      'invalid_request',
      `there is no program "${section}"; there is ${[...all.keys()].join(', ')}`,
    )
  }
  const { host } = context
  const own = new Set(Object.entries(table).map(([name, setting]) => envOf(name, setting)))
  const file = readSettingsFile(context.settings['config'] as string | undefined, host.cwd)
  return loadSettings(table, {
    program: section,
    flags: [],
    env: Object.fromEntries(Object.entries(host.env).filter(([name]) => own.has(name))),
    sections: [...all.keys()],
    foreignNames: [...all.values()].flatMap((each) => Object.keys(each)),
    ...(file === undefined ? {} : { file }),
  })
}

/** `spate config print PROGRAM`: what a program would run with, and where each value came from. */
export const configPrintCommand: Command = command({
  name: 'config print',
  summary: 'Print the settings a program would run with, and where each came from.',
  usage: 'PROGRAM',
  examples: [
    ['spate config print up', 'all-in-one'],
    ['spate config print edge --json', 'for machines; secrets are never printed'],
  ],
  settings: {},
  run: (context) => {
    const section = context.words[0] ?? 'up'
    const { values, origins } = sectionSettings(section, context)
    const table = sections().get(section) ?? {}
    if (context.json) {
      context.host.write(`${JSON.stringify({ settings: redacted(table, values), origins })}\n`)
      return Promise.resolve(0)
    }
    const width = Math.max(...Object.keys(table).map((name) => name.length))
    for (const [name, value] of Object.entries(redacted(table, values))) {
      const setting = table[name]
      if (setting)
        context.host.write(
          `${name.padEnd(width)}  ${writeValue(setting, value).padEnd(24)}  ${origins[name]}\n`,
        )
    }
    return Promise.resolve(0)
  },
})

/** `spate config check`: reads the settings file as every program would. */
export const configCheckCommand: Command = command({
  name: 'config check',
  summary: 'Check spate.yaml and SPATE_* variables as every program would read them.',
  usage: '',
  examples: [['spate config check --config spate.yaml', 'exit 0 where all is well, 2 where not']],
  settings: {},
  run: (context) => {
    const refused: string[] = []
    for (const section of sections().keys()) {
      try {
        sectionSettings(section, context)
      } catch (caught) {
        refused.push(`${section}: ${Fault.from(caught).message}`)
      }
    }
    if (context.json)
      context.host.write(`${JSON.stringify({ ok: refused.length === 0, problems: refused })}\n`)
    else
      context.host.write(
        refused.length === 0 ? 'the settings are good\n' : `${refused.join('\n')}\n`,
      )
    return Promise.resolve(refused.length === 0 ? 0 : 2)
  },
})

const starter = `# Settings of Spate. Flags and SPATE_* variables go before this file; see spate COMMAND --help.
# Top-level names hold for every program, names under a program for that one.

dataDir: .spate

edge:
  # A client may make this many requests, steadily and at once.
  rateLimit: 100/s
  rateBurst: 200
  memoryBytesMax: 256MiB
  # Where pages come from, for every host that no site below names. Several stand in for each other.
  # origin: http://127.0.0.1:8083
  # origins: [http://127.0.0.1:9083]
  # healthPath: /health/ready

  # Sites with origins and rules of their own. The first rule that fits a path holds.
  # sites:
  #   - name: shop
  #     hosts: [shop.example, '*.shop.example']
  #     origins: [http://127.0.0.1:8083]
  #     rules:
  #       - path: /assets/*
  #         ttlMs: 1h
  #       - path: /account/*
  #         bypass: true
  #       - path: '*'
  #         keyCookies: [language]

seckill:
  rateLimit: 10/s
  rateBurst: 20

recommend:
  rateLimit: 50/s
  rateBurst: 100
`

/** `spate init`: writes a settings file to start from. */
export const initCommand: Command = command({
  name: 'init',
  summary: 'Write a spate.yaml to start from, with rate limits on.',
  usage: '',
  examples: [['spate init', 'never overwrites']],
  settings: {},
  run: async (context) => {
    const path = resolve(context.host.cwd, settingsFileName)
    const there = await access(path).then(
      () => true,
      () => false,
    )
    if (there) throw new Fault('conflict', `${settingsFileName} is there already; remove it first`)
    await writeFile(path, starter, { flag: 'wx' })
    if (context.json) context.host.write(`${JSON.stringify({ wrote: settingsFileName })}\n`)
    else context.host.write(`wrote ${settingsFileName}; check it with spate config check\n`)
    return 0
  },
})
