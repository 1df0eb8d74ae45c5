import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command, CommandContext } from '@spate/runtime/command'
import { choice, text, type TableOf } from '@spate/runtime/settings'
import { readDataFile } from '@spate/recommend/data-set'
import { exportOnnx } from '@spate/recommend/machine-export'
import { trainOnline } from '@spate/recommend/train-online'
import { refused } from './eval-command.ts'

/** Flags of `spate train`. */
export interface TrainSettings {
  readonly train: string | undefined
  readonly export: 'none' | 'onnx'
}

const settings: TableOf<TrainSettings> = {
  train: text(undefined, 'CSV to learn from: user,item[,timestamp][,weight], packed or not'),
  export: choice('none', ['none', 'onnx'], 'What to write to FILE'),
}

/** `spate train`: teaches the ranking model from a file, as it learns online, and writes it. */
export const trainCommand: Command<TableOf<TrainSettings>> = {
  name: 'train',
  summary: 'Teach the ranking model from a file, and write it as ONNX.',
  usage: '--train CSV [--export onnx FILE]',
  examples: [
    ['spate train --train train.csv', 'prints how well it ranks what it has not learnt yet'],
    [
      'spate train --train train.csv.gz --export onnx ranker.onnx',
      'for `--ranker onnx`, or a model server',
    ],
  ],
  settings,
  run,
}

async function run(context: CommandContext<TableOf<TrainSettings>>): Promise<number> {
  const { settings: given, words, json, host, clock } = context
  const wanted = given.export === 'onnx' ? 1 : 0
  if (given.train === undefined || words.length !== wanted) {
    host.writeError('usage: spate train --train CSV [--export onnx FILE]\n')
    return 2
  }
  try {
    const file = await readDataFile(given.train)
    const startMs = clock.elapsed()
    const trained = trainOnline(file, (share) => {
      if (!json) host.writeError(`  ${Math.round(share * 100)} %\n`)
    })
    const seconds = (clock.elapsed() - startMs) / 1000
    const path = words[0] === undefined ? undefined : resolve(host.cwd, words[0])
    if (path !== undefined) await writeFile(path, exportOnnx(trained.ranker.speakers()))
    const { rows, auc, aucLastHalf } = trained
    const result = { rows, auc, aucLastHalf, seconds, seed: 1, sha256: file.sha256, written: path }
    host.write(
      json
        ? `${JSON.stringify(result)}\n`
        : `${[
            `rows ${rows} in ${seconds.toFixed(1)} s, seed 1`,
            `progressive AUC against items drawn by popularity: ${auc.toFixed(4)}, last half ${aucLastHalf.toFixed(4)}`,
            `sha256 ${file.sha256}`,
            ...(path === undefined ? [] : [`written ${path}`]),
          ].join('\n')}\n`,
    )
    return 0
  } catch (caught) {
    return refused(caught, host)
  }
}
