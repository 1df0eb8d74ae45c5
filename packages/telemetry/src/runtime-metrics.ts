import { monitorEventLoopDelay, performance, PerformanceObserver, constants } from 'node:perf_hooks'
import { readdirSync } from 'node:fs'
import { cpuMs, memoryBytes } from '@spate/runtime/host'
import type { MetricRegistry } from './metrics.ts'
import { metricNames } from './names.ts'

const resolutionMs = 10
const gcKinds: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
}

/**
 * Watches the process: event-loop delay and use, garbage collection, memory, CPU, open files.
 * Returns a function that stops it. Gauges are read at collection.
 */
export function observeRuntime(metrics: MetricRegistry): () => void {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  const p99 = metrics.gauge(metricNames.eventLoopDelay).series()
  const max = metrics.gauge(metricNames.eventLoopDelayMax).series()
  const busy = metrics.gauge(metricNames.eventLoopUtilization).series()
  const heap = metrics.gauge(metricNames.heapUsed).series()
  const resident = metrics.gauge(metricNames.residentMemory).series()
  const cpu = metrics.counter(metricNames.cpuTime).series()
  const files = metrics.gauge(metricNames.openFiles).series()
  const pauses = metrics.histogram(metricNames.gcDuration)
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as unknown as { detail?: { kind?: number } }).detail ?? {}
      const type = gcKinds[kind ?? -1] ?? 'other'
      pauses.series({ 'v8js.gc.type': type }).record(entry.duration / 1000)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  let last = performance.eventLoopUtilization()
  const stop = metrics.observe(() => {
    // The timer that measures fires every 10 ms at best: that much is not delay.
    const over = (ns: number): number => Math.max(0, ns / 1e6 - resolutionMs) / 1000
    if (delay.count > 0) {
      p99.set(over(delay.percentile(99)))
      max.set(over(delay.max))
      delay.reset()
    }
    const now = performance.eventLoopUtilization()
    busy.set(performance.eventLoopUtilization(now, last).utilization)
    last = now
    const memory = memoryBytes()
    heap.set(memory.heapUsed)
    resident.set(memory.resident)
    cpu.observe(cpuMs() / 1000)
    const open = openFiles()
    if (open !== undefined) files.set(open)
  })
  return () => {
    stop()
    delay.disable()
    observer.disconnect()
  }
}

/** Open file descriptors; undefined where the system does not tell. */
function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return undefined
  }
}
