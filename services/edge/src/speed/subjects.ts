import { nginxSubject, varnishSubject, type Subject } from '../conformance/subjects.ts'
import { cores, pin, startBeside } from './processes.ts'

/** What nginx needs to do what is measured. */
const nginxExtra =
  'proxy_cache_lock on; proxy_cache_use_stale updating; proxy_cache_background_update on;'

/** Lets the benchmark purge. */
export const benchToken = 'benchmark-token-only'

/** A cache on a core of its own. */
export interface Measured extends Subject {
  readonly pid: number
}

/** Our edge, which can be purged. */
export interface MeasuredEdge extends Measured {
  readonly admin: string
}

/** The edge before `origin`: telemetry on, 1 % of traces kept; holds `objects` ready made objects. */
export async function measuredEdge(
  origin: string,
  objects = 0,
  bytes = 1024,
): Promise<MeasuredEdge> {
  const args = [origin, String(objects), String(bytes)]
  const { pid, words, stop } = await startBeside(new URL('./served-edge.ts', import.meta.url), args)
  await pin(pid, cores.measured)
  const [url = '', admin = ''] = words
  return { name: 'spate', url, admin, pid, stop }
}

/** nginx, on the same core; undefined where it is not installed. */
export const measuredNginx = (origin: string): Promise<Measured | undefined> =>
  settled(nginxSubject(origin, nginxExtra))

/** The edge, nginx and Varnish, as far as they are installed. */
export async function allMeasured(origin: string): Promise<readonly Measured[]> {
  const others = [await measuredNginx(origin), await settled(varnishSubject(origin))]
  return [await measuredEdge(origin), ...others.filter((each) => each !== undefined)]
}

async function settled(starting: Promise<Subject | undefined>): Promise<Measured | undefined> {
  const subject = await starting
  if (subject?.pid === undefined) return undefined
  await pin(subject.pid, cores.measured)
  return { ...subject, pid: subject.pid }
}
