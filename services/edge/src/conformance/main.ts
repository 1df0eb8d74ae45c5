/**
 * Runs the public HTTP cache test suite against the edge, nginx and Varnish and prints one table
 * and every test the edge does not pass:
 *
 *   node services/edge/src/conformance/main.ts [--only spate] [--suite FOLDER] [--set-cookie store] [--id TEST]
 */
import { exit, processHost } from '@spate/runtime/host'
import { expectedNotPassed } from './expected.ts'
import type { EdgeSettings } from '../settings.ts'
import { CacheTests, type Score } from './suite.ts'
import { nginxSubject, spateSubject, varnishSubject, type Subject } from './subjects.ts'

const { argv } = processHost
const option = (name: string): string | undefined => {
  const at = argv.indexOf(`--${name}`)
  return at < 0 ? undefined : argv[at + 1]
}

const suite = await CacheTests.open(option('suite'))
const origin = await suite.startOrigin()
const policy: Partial<EdgeSettings> = {
  ...(option('set-cookie') === 'store' ? { setCookie: 'store' } : {}),
  ...(option('doubtful-age') === 'ignore' ? { doubtfulAge: 'ignore' } : {}),
}
const makers: Readonly<Record<string, () => Promise<Subject | undefined>>> = {
  spate: () => spateSubject(origin.url, policy),
  nginx: () => nginxSubject(origin.url),
  varnish: () => varnishSubject(origin.url),
}
const only = option('only')
const id = option('id')
const out = (line: string): void => processHost.write(`${line}\n`)
const share = ({ passed, of }: { passed: number; of: number }): string =>
  `${passed}/${of}`.padEnd(9)
let ours: Score | undefined

out('subject   required  optimal   check')
for (const [name, make] of Object.entries(makers)) {
  if (only !== undefined && only !== name) continue
  const subject = await make()
  if (!subject) {
    out(`${name.padEnd(9)} not installed`)
    continue
  }
  const printed = await suite.run(subject.url, id)
  await subject.stop()
  if (id !== undefined) {
    out(printed)
    continue
  }
  const score = await suite.score(printed)
  if (name === 'spate') ours = score
  out(`${name.padEnd(9)} ${share(score.required)} ${share(score.optimal)} ${share(score.check)}`)
}
if (ours) {
  out('\nnot passed by spate:')
  for (const test of ours.notPassed) {
    const reason = expectedNotPassed[test.id]
    out(`  [${test.kind}] ${test.id}: ${test.verdict} ${test.message}`)
    if (reason !== undefined) out(`      why: ${reason}`)
  }
}
await origin.stop()
exit(0)
