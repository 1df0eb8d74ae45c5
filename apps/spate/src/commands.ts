import { loadBotsCommand } from '@spate/lab/bots'
import { chaosRunCommand } from '@spate/lab/chaos'
import { evalCommand } from '@spate/lab/eval'
import { importCommand } from '@spate/lab/import'
import { loadSeckillCommand } from '@spate/lab/load-seckill'
import { simCommand } from '@spate/lab/sim'
import { splitCommand } from '@spate/lab/split'
import { trainCommand } from '@spate/lab/train'
import { command, type Command } from '@spate/runtime/command'
import { auditVerifyCommand } from '@spate/seckill/audit-command'
import { verifyQueueCommand } from '@spate/seckill/queue-command'
import { telemetryCommands } from '@spate/telemetry/commands'
import { explainCommand, purgeCommand, traceCommand, reportCommand } from './calls.ts'
import { doctorCommand } from './doctor/doctor-command.ts'
import { tailCommand, topCommand, warmCommand } from './edge-watch.ts'
import { programCommand } from './one-program.ts'
import { programs } from './programs.ts'
import {
  configCheckCommand,
  configPrintCommand,
  configSchemaCommand,
  initCommand,
} from './settings-commands.ts'
import { upCommand } from './up.ts'

/** Every command, in the order in which help lists them. */
export const commands: readonly Command[] = [
  upCommand,
  ...programs.map(programCommand),
  command(loadSeckillCommand),
  command(loadBotsCommand),
  command(importCommand),
  command(splitCommand),
  command(trainCommand),
  command(evalCommand),
  reportCommand,
  simCommand,
  command(chaosRunCommand),
  auditVerifyCommand,
  verifyQueueCommand,
  purgeCommand,
  explainCommand,
  warmCommand,
  topCommand,
  tailCommand,
  traceCommand,
  ...telemetryCommands,
  doctorCommand,
  initCommand,
  configPrintCommand,
  configCheckCommand,
  configSchemaCommand,
]
