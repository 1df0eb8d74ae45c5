/** Why the listener itself refused a request or a connection. */
export type RefusalReason =
  | 'bad_request'
  | 'head_too_large'
  | 'too_many_headers'
  | 'url_too_long'
  | 'body_too_large'
  | 'slow_head'
  | 'slow_body'
  | 'slow_read'
  | 'connections'
  | 'connections_per_address'
  | 'not_implemented'

/** What a listener has done so far. Plain numbers that only grow, except the two named `open`. */
export class ListenerCounters {
  /** Connections taken, refused ones included. */
  accepted = 0
  /** Connections open now. */
  open = 0
  /** Connections open now that `node:http` keeps. */
  openNode = 0
  /** Connections closed because no request came for `idleMs`. */
  idleClosed = 0
  /** Requests answered by the fast path. */
  fast = 0
  /** Requests answered through `node:http` or HTTP/2. */
  node = 0
  /** Connections handed to `node:http`. */
  handedOver = 0
  /** Writes to sockets by the fast path; fewer than `fast` where pipelined answers went together. */
  writes = 0
  /** Answers by status code; index = status. */
  readonly byStatus: Float64Array = new Float64Array(1000)
  /** Refusals of the listener's own, by reason. */
  readonly refused: Record<RefusalReason, number> = {
    bad_request: 0,
    head_too_large: 0,
    too_many_headers: 0,
    url_too_long: 0,
    body_too_large: 0,
    slow_head: 0,
    slow_body: 0,
    slow_read: 0,
    connections: 0,
    connections_per_address: 0,
    not_implemented: 0,
  }

  /** Requests answered in all, whichever path. */
  get requests(): number {
    return this.fast + this.node
  }

  /** Answers with a status from `from` to `to`, both included. */
  answered(from: number, to: number): number {
    let sum = 0
    for (let status = from; status <= to; status++) sum += this.byStatus[status] ?? 0
    return sum
  }
}
