/**
 * Installs the real servers that some tests and benchmarks use, on Debian as root:
 * `npm run services [-- NAME ...]`. What cannot be had is said at the end; nothing else fails then.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { root } from './sources.ts'

const go = ['/usr/local/go/bin/go', '/usr/bin/go'].find((path) => existsSync(path))

interface Service {
  readonly name: string
  readonly why: string
  readonly present: () => boolean
  /** Debian packages; empty where `install` does it another way. */
  readonly packages: readonly string[]
  readonly install?: () => boolean
}

const onPath = (program: string): boolean =>
  ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((folder) =>
    existsSync(join(folder, program)),
  )

/** Where servers that are no Debian packages are put: it outlives `npm ci`. */
const serversFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'spate')

const services: readonly Service[] = [
  debian('nginx', 'control of the http and edge benchmarks', 'nginx'),
  debian('varnish', 'control of the edge benchmarks', 'varnishd'),
  debian('wrk', 'load generator of the http benchmark', 'wrk'),
  debian('redis-server', 'control of the seckill benchmark', 'redis-server'),
  debian('mariadb-server', 'SQL store of the distributed set-up', 'mariadbd'),
  debian('chromium', 'browser tests', 'chromium'),
  debian('prometheus', 'scrape tests (promtool included)', 'prometheus'),
  debian(
    'python3-numpy',
    'independent check of the linear models',
    '../lib/python3/dist-packages/numpy',
  ),
  debian(
    'python3-aiohttp',
    'the W3C trace-context harness',
    '../lib/python3/dist-packages/aiohttp',
  ),
  {
    name: 'otel-collector',
    why: 'the OpenTelemetry Collector, built from its Go modules',
    packages: [],
    present: () => existsSync(join(serversFolder, 'otelcol', 'otelcol')),
    install: buildCollector,
  },
  {
    name: 'onnxruntime',
    why: 'models in process: the optional peer of recommend (288 MB)',
    packages: [],
    present: () =>
      existsSync(join(serversFolder, 'onnxruntime', 'node_modules', 'onnxruntime-node')),
    install: () =>
      run(
        'npm',
        `install --prefix ${join(serversFolder, 'onnxruntime')} --ignore-scripts --no-audit --no-fund onnxruntime-node@1.30.0`.split(
          ' ',
        ),
      ),
  },
  {
    name: 'model-server-stubs',
    why: 'generated Python stubs of TensorFlow Serving and KServe: conformance of the model client',
    packages: [],
    present: () => existsSync(join(serversFolder, 'model-server-stubs', 'tensorflow_serving')),
    install: installStubs,
  },
  {
    name: 'grpcurl',
    why: 'a public gRPC client, built from its Go module',
    packages: [],
    present: () => existsSync(join(serversFolder, 'grpcurl')),
    install: () => goInstall('github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3'),
  },
]

function debian(name: string, why: string, program: string): Service {
  return { name, why, packages: [name], present: () => onPath(program) }
}

function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): boolean {
  const done = spawnSync(program, args, {
    cwd: root,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', ...env },
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  })
  if (done.status !== 0)
    process.stderr.write((done.stderr ?? String(done.error)).split('\n').slice(-6).join('\n'))
  return done.status === 0
}

/** Builds the Collector with its own builder from the recipe in packages/telemetry/collector. */
function buildCollector(): boolean {
  const recipe = join(root, 'packages', 'telemetry', 'collector', 'builder.yaml')
  if (!existsSync(recipe)) return false
  mkdirSync(serversFolder, { recursive: true })
  const here = join(serversFolder, 'builder.yaml')
  const output = join(serversFolder, 'otelcol')
  writeFileSync(
    here,
    readFileSync(recipe, 'utf8').replace(/output_path:.*/, `output_path: ${output}`),
  )
  return (
    goInstall('go.opentelemetry.io/collector/cmd/builder@v0.159.0') &&
    run(join(serversFolder, 'builder'), ['--config', here], goEnv())
  )
}

/** Builds a Go program into the folder of servers; false where there is no Go. */
function goInstall(module: string): boolean {
  return go !== undefined && run(go, ['install', module], goEnv())
}

function goEnv(): Record<string, string> {
  const folder = (go ?? '').replace(/\/go$/, '')
  return { GOBIN: serversFolder, PATH: `${folder}:${process.env['PATH'] ?? ''}` }
}

/** Stubs without the packages they belong to: those bring gigabytes that messages do not need. */
function installStubs(): boolean {
  const target = join(serversFolder, 'model-server-stubs')
  const pip = ['-m', 'pip', 'install', '-q', '--target', target]
  const stubs = ['tensorflow-serving-api==2.13.1', 'pythie-serving==3.4.3', 'tritonclient==2.73.0']
  return (
    run('python3', [...pip, 'protobuf==7.36.2', 'grpcio==1.85.3']) &&
    run('python3', [...pip, '--no-deps', ...stubs])
  )
}

/** Runs `task` with Debian told not to start the servers it installs: tests start their own. */
function withoutStarting(task: () => void): void {
  const policy = '/usr/sbin/policy-rc.d'
  const ours = !existsSync(policy)
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    task()
  } finally {
    if (ours) rmSync(policy)
  }
}

const words = process.argv.slice(2)
if (words.includes('--help')) {
  process.stdout.write('usage: npm run services [-- NAME ...]\n\n')
  for (const { name, why } of services) process.stdout.write(`  ${name.padEnd(18)} ${why}\n`)
  process.exit(0)
}
const unknown = words.filter((word) => !services.some(({ name }) => name === word))
if (unknown.length > 0) {
  process.stderr.write(`unknown: ${unknown.join(', ')}; see npm run services -- --help\n`)
  process.exit(2)
}
const wanted = services.filter(({ name }) => words.length === 0 || words.includes(name))
const missing = wanted.filter((service) => !service.present())
const isRoot = process.getuid?.() === 0
if (missing.some(({ packages }) => packages.length > 0)) {
  if (!isRoot || !onPath('apt-get'))
    process.stdout.write('Debian packages need root and apt-get: skipping them\n')
  else {
    process.stdout.write('reading the package lists ...\n')
    run('apt-get', ['update', '-q'])
    withoutStarting(() => {
      for (const { name, packages } of missing) {
        if (packages.length === 0) continue
        process.stdout.write(`installing ${name} ...\n`)
        run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages])
      }
    })
  }
}
for (const { name, install } of missing) {
  if (!install) continue
  process.stdout.write(`building ${name} ...\n`)
  install()
}
for (const service of wanted) {
  process.stdout.write(
    `${service.present() ? 'ok      ' : 'MISSING '} ${service.name.padEnd(18)} ${service.why}\n`,
  )
}
