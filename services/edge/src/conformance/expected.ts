/** Tests of the suite the edge does not pass, and why; by id. */
export const expectedNotPassed: Readonly<Record<string, string>> = {}
