import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Fault, errorCode } from '@spate/runtime/fault'

/** The file that is read where it exists and no other is named. */
export const settingsFileName = 'spate.yaml'

/**
 * Text of the settings file: `path`, or `spate.yaml` in `folder`. Undefined where none is named
 * and none is there. Throws `settings_invalid` where the named one cannot be read.
 */
export function readSettingsFile(path: string | undefined, folder: string): string | undefined {
  try {
    return readFileSync(resolve(folder, path ?? settingsFileName), 'utf8')
  } catch (caught) {
    if (path === undefined && errorCode(caught) === 'ENOENT') return undefined
    throw new Fault(
      'settings_invalid',
      `the settings file ${path ?? settingsFileName} cannot be read (${errorCode(caught) ?? 'unknown'})`,
      { cause: caught },
    )
  }
}
