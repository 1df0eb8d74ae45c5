/** Variable that makes a process a worker: the admin URL of the crew it belongs to. */
export const workerVariable = 'SPATE_EDGE_CREW'
