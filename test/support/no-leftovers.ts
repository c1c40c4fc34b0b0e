// Loaded before each file of tests. What a test leaves open keeps its process from ending, and the run with it; so it ends here, as a failure that says
// what it was. (Node's own way to end it, --test-force-exit, loses results that are still on their way.)
import { after } from 'node:test'

const WAIT_MS = 30_000

// Not in the process that runs the files.
if (process.env.NODE_TEST_CONTEXT !== undefined) {
  after(() => {
    setTimeout(() => {
      console.error(`${process.argv[1]}: its tests are over, and still open are: ${process.getActiveResourcesInfo().join(', ')}`)
      process.exit(1)
    }, WAIT_MS).unref()
  })
}
