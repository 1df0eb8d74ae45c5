import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { SeededChance } from '@spate/runtime/chance'

import { diskConformance } from './disk-conformance.ts'
import { nodeDisk } from './node-disk.ts'
import { SimulatedDisk } from './simulated-disk.ts'

diskConformance('the machine', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'spate-disk-'))
  return {
    disk: nodeDisk,
    folder: `${folder}/room`,
    dispose: () => rm(folder, { recursive: true, force: true }),
  }
})

diskConformance('simulated', async () => ({
  disk: new SimulatedDisk({ chance: new SeededChance(1) }),
  folder: '/room',
  dispose: async () => {},
}))
