/** What the table at start shows. */
export interface UrlTable {
  readonly urls: Readonly<Record<string, string>>
  /** Undefined where this start did not make it: it is shown once. */
  readonly adminToken: string | undefined
  /** As shown: relative where that is shorter. */
  readonly dataDir: string
  readonly readyMs: number
  readonly colours: boolean
}

const rows: readonly (readonly [purpose: string, label: string, path: string])[] = [
  ['edge', 'shop, through the edge', '/'],
  ['console', 'console', '/'],
  ['edgeAdmin', 'edge admin', '/stats'],
  ['seckill', 'seckill API', '/seckill/campaigns'],
  ['seckillGrpc', 'seckill gRPC', ''],
  ['recommend', 'recommend API', '/recommend/popular'],
  ['recommendGrpc', 'recommend gRPC', ''],
  ['shop', 'shop, without the edge', '/'],
  ['consoleOtlpGrpc', 'OTLP in, gRPC', ''],
  ['consoleOtlpHttp', 'OTLP in, HTTP', ''],
]

/** The one table a person sees when everything is up. */
export function urlTable(table: UrlTable): string {
  const paint = (code: string, text: string): string =>
    table.colours ? `\u001b[${code}m${text}\u001b[0m` : text
  const width = Math.max(...rows.map(([, label]) => label.length))
  const lines = rows.flatMap(([purpose, label, path]) => {
    const url = table.urls[purpose]
    return url === undefined ? [] : [`  ${label.padEnd(width)}  ${paint('36', `${url}${path}`)}`]
  })
  const folder = table.dataDir
  return [
    '',
    `${paint('1', 'spate is up')} (${(table.readyMs / 1000).toFixed(1)} s)`,
    '',
    ...lines,
    '',
    `  ${'data'.padEnd(width)}  ${folder}`,
    table.adminToken !== undefined
      ? `  ${'admin token'.padEnd(width)}  ${paint('33', table.adminToken)} (made now, shown once; kept in ${folder}/admin-token)`
      : `  ${'admin token'.padEnd(width)}  as set, or in ${folder}/admin-token`,
    '',
    'Ctrl-C drains and stops.',
    '',
  ].join('\n')
}
