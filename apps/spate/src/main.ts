import { systemChance } from '@spate/runtime/chance'
import { tellParent } from '@spate/runtime/children'
import { systemClock } from '@spate/runtime/clock'
import { exit, onSignals, processHost, setExitCode, signalExitCode } from '@spate/runtime/host'
import { commands } from './commands.ts'
import { dispatch } from './dispatch.ts'

const stop = new AbortController()
let asked = 0
onSignals((signal) => {
  asked++
  // The first asks for a drain; whoever asks again does not want to wait for it.
  if (asked > 1) exit(signalExitCode(signal))
  stop.abort(signal)
})

setExitCode(
  await dispatch(commands, {
    host: processHost,
    clock: systemClock,
    chance: systemChance,
    signal: stop.signal,
    onSignal: (signal, task) => void onSignals(task, [signal]),
    onFailure: (failed) => void tellParent({ failed }),
  }),
)
