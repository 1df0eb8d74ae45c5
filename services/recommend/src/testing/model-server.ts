import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { createGrpcServer } from '@spate/http/grpc'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { silentLog } from '@spate/runtime/log'
import { featureNames } from '../domain/features/feature-vector.ts'
import { tokenNames } from '../domain/features/token.ts'
import { tfServingProto } from '../rank/tf-serving.ts'

/**
 * How a model server behaves. `hung`: takes a call and never answers; `silent`: its connection stands
 * and no byte comes back; `slow`: answers long after its time; `gone`: nobody listens any more.
 */
export type ModelServerWay = 'right' | 'hung' | 'silent' | 'slow' | 'failing' | 'nonsense' | 'gone'

/** A server that speaks TensorFlow Serving's gRPC, and can be broken while it is in use. */
export interface ModelServer {
  /** host:port. */
  readonly address: string
  become(way: ModelServerWay): void
  stop(): Promise<void>
}

/** Time a slow server takes, ms. */
const slowMs = 500

interface Tensor {
  readonly tensorShape: { readonly dim: readonly { readonly size: number }[] }
}

/** Starts a model server that scores every candidate alike, behind a relay that can fall silent. */
export async function startModelServer(clock: Clock): Promise<ModelServer> {
  let way: ModelServerWay = 'right'
  const shape = (width: number): object => ({ dim: [{ size: -1 }, { size: width }] })
  const signature = {
    '@type': 'type.googleapis.com/tensorflow.serving.SignatureDefMap',
    signatureDef: {
      serving_default: {
        inputs: {
          numbers: { name: 'numbers', dtype: 'DT_FLOAT', tensorShape: shape(featureNames.length) },
          tokens: { name: 'tokens', dtype: 'DT_INT64', tensorShape: shape(tokenNames.length) },
        },
        outputs: { scores: { name: 'scores', dtype: 'DT_FLOAT', tensorShape: shape(1) } },
      },
    },
  }
  const predict = async (request: { readonly inputs: Readonly<Record<string, Tensor>> }) => {
    if (way === 'hung') await new Promise<never>(() => {})
    if (way === 'slow') await clock.sleep(slowMs)
    if (way === 'failing') throw new Fault('internal', 'broken on purpose')
    const rows = request.inputs['numbers']?.tensorShape.dim[0]?.size ?? 0
    const floatVal = Array.from({ length: rows }, () => (way === 'nonsense' ? NaN : 1))
    const tensorShape = { dim: [{ size: rows }, { size: 1 }] }
    return { outputs: { scores: { dtype: 'DT_FLOAT', tensorShape, floatVal } } }
  }
  const server = await createGrpcServer({
    host: '127.0.0.1',
    port: 0,
    clock,
    log: silentLog,
    limits: { requestBytesMax: 4 * 1024 * 1024 },
    services: [
      {
        proto: tfServingProto,
        name: 'tensorflow.serving.PredictionService',
        methods: {
          Predict: predict,
          GetModelMetadata: () => ({ metadata: { signature_def: { value: signature } } }),
        },
      },
      {
        proto: tfServingProto,
        name: 'tensorflow.serving.ModelService',
        methods: { GetModelStatus: () => ({ modelVersionStatus: [] }) },
      },
    ],
  })
  const relay = await startRelay(server.port)
  return {
    address: relay.address,
    become: (next) => {
      way = next
      if (next === 'silent') relay.silence()
      if (next === 'gone') relay.close()
    },
    stop: async () => {
      relay.close()
      const cut = new AbortController()
      cut.abort()
      await server.close(cut.signal)
    },
  }
}

/** Passes bytes on to `port`, until it falls silent or is closed. */
async function startRelay(
  port: number,
): Promise<{ readonly address: string; silence(): void; close(): void }> {
  let silent = false
  const sockets = new Set<Socket>()
  const relay = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      // Held back for more, small frames would wait 40 ms for the other side's acknowledgement.
      from.setNoDelay()
      from.on('data', (bytes) => void (silent || to.write(bytes)))
      // An end of either side, in order or not, is the end of both.
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  return {
    address: `127.0.0.1:${(relay.address() as AddressInfo).port}`,
    silence: () => {
      silent = true
    },
    close: () => {
      relay.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
