import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { ended, nginxSubject, varnishSubject, type Subject } from '../conformance/subjects.ts'

/** What nginx needs to do what is measured. */
const nginxExtra =
  'proxy_cache_lock on; proxy_cache_use_stale updating; proxy_cache_background_update on;'

/** The edge before `origin` in a process of its own: telemetry on, 1 % of traces kept. */
export async function spateProcess(origin: string): Promise<Subject> {
  const file = new URL('../bench-edge.ts', import.meta.url).pathname
  const child = spawn('node', [file, origin], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { name: 'spate', url: line.toString().trim(), stop: () => ended(child) }
}

/** The edge, nginx and Varnish, as far as they are installed. */
export async function benchSubjects(origin: string): Promise<readonly Subject[]> {
  const spate = await spateProcess(origin)
  const others = [await nginxSubject(origin, nginxExtra), await varnishSubject(origin)]
  return [spate, ...others.filter((each) => each !== undefined)]
}
