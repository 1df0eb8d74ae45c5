#!/usr/bin/env node
// Plain JavaScript, so that even an old Node can say what it lacks.
const [major] = process.versions.node.split('.')
if (Number(major) < 24) {
  process.stderr.write(
    `spate needs Node 24 or newer; this is ${process.versions.node}.\n` +
      'Run it through npm (`npm start`, `npx spate ...`), which uses the Node 26 that `npm ci` installed.\n',
  )
  process.exit(2)
}
await import('../src/main.ts')
