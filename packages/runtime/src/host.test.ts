import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'

test('a program goes on when who read its output is gone', async () => {
  const host = join(import.meta.dirname, 'host.ts')
  const script = `
    const { processHost, setExitCode } = await import(${JSON.stringify(host)})
    processHost.write('first\\n')
    process.stdin.once('data', () => {
      processHost.write('nobody reads this\\n')
      setTimeout(() => { setExitCode(7); process.stdin.destroy() }, 20)
    })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const gone = once(child, 'exit')
  await once(child.stdout, 'data')
  child.stdout.destroy()
  await once(child.stdout, 'close')
  child.stdin.write('go')
  assert.deepEqual(await gone, [7, null], 'it came to its own end')
})
