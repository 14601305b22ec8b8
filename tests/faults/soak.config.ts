import { defineConfig } from 'vitest/config'

/** `npm run soak`: every scenario of this folder over many more moments, and one table of all at the end. */
export default defineConfig({
  test: {
    include: ['tests/faults/*.test.ts'],
    globalSetup: ['tests/faults/soak-report.ts'],
    testTimeout: 900_000,
    hookTimeout: 60_000,
    // One after the other: the limits of heartbeats are real ones.
    fileParallelism: false,
    pool: 'forks',
  },
})
