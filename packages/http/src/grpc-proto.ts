import { dirname } from 'node:path'
import type { MethodDefinition, PackageDefinition, ServiceDefinition } from '@grpc/proto-loader'
import { load } from '@grpc/proto-loader'
import { Fault } from '@spate/runtime/fault'

/** One method as it stands in the `.proto`. */
export type ProtoMethod = MethodDefinition<object, object>

/** A service read from its `.proto`. */
export interface ProtoService {
  /** Full name: `spate.seckill.v1.Seckill`. */
  readonly name: string
  readonly definition: ServiceDefinition
  /** Everything in the file: what reflection shows. */
  readonly package: PackageDefinition
}

/**
 * Reads `path` at run time. Fields are camelCase, enums are their names, 64-bit integers are
 * numbers (exact to 2^53: times and counters of ours stay below), unset scalars have their default.
 */
export async function loadService(
  path: string,
  name: string,
  includeDirs: readonly string[] = [],
): Promise<ProtoService> {
  const loaded = await load(path, {
    keepCase: false,
    longs: Number,
    enums: String,
    defaults: true,
    // With it, `optional` fields would bring a member `_name` of their own.
    oneofs: false,
    // What a `.proto` imports by its bare name lies beside it.
    includeDirs: [dirname(path), ...includeDirs],
  })
  const definition = loaded[name]
  if (definition === undefined || 'format' in definition)
    throw new Fault('internal', `${name} is no service of the .proto`)
  return { name, definition, package: loaded }
}
