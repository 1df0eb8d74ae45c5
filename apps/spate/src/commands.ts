import type { Command } from '@spate/runtime/command'
import { programCommand } from './one-program.ts'
import { programs } from './programs.ts'
import { upCommand } from './up.ts'

/** Every command, in the order in which help lists them. */
export const commands: readonly Command[] = [upCommand, ...programs.map(programCommand)]
